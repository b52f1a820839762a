// Node's http server: PORT
const http = require('http');

const bodies = {'/': Buffer.from('Hello, world!')};
for (const size of [1, 10, 100]) bodies[`/${size}k`] = Buffer.alloc(size * 1024, 'x');

http.createServer((request, response) => {
  const body = bodies[request.url];
  if (body) {
    response.writeHead(200, {'Content-Type': 'text/plain', 'Content-Length': body.length});
    response.end(body);
  } else {
    response.writeHead(404);
    response.end();
  }
}).listen(Number(process.argv[2]), '127.0.0.1');
