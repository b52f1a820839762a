// Node's http server: PORT
const http = require('http');

const bodies = {
  '/': Buffer.from('Hello, world!'),
  '/1k': Buffer.alloc(1024, 'x'),
  '/10k': Buffer.alloc(10 * 1024, 'x'),
  '/100k': Buffer.alloc(100 * 1024, 'x'),
};

http.createServer((request, response) => {
  const body = bodies[request.url];
  if (body) {
    response.writeHead(200, {'Content-Type': 'text/plain', 'Content-Length': body.length});
    response.end(body);
  } else if (request.url === '/echo') {
    const chunks = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      const all = Buffer.concat(chunks);
      response.writeHead(200, {'Content-Type': 'text/plain', 'Content-Length': all.length});
      response.end(all);
    });
  } else {
    response.writeHead(404);
    response.end();
  }
}).listen(Number(process.argv[2]), '127.0.0.1');
