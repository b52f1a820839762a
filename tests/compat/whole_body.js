// Node's http for the conformance cases: PORT. It reads the whole body, then answers.
const http = require('http');

http.createServer((request, response) => {
  request.resume().on('end', () => response.end('ok'));
}).listen(Number(process.argv[2]), '127.0.0.1');
