// A piece of network in front of the service that can be cut: both ends lose the connection, and neither is told why.

import net from "node:net";

export async function wire(port) {
  const sockets = new Set();
  const held = (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => {});
    return socket;
  };
  const server = net.createServer((near) => {
    const far = held(net.connect(port, "127.0.0.1"));
    held(near).pipe(far).pipe(near);
    near.on("close", () => far.destroy());
    far.on("close", () => near.destroy());
  });
  await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    port: server.address().port,
    cut,
    close() {
      cut();
      server.close();
    },
  };
}
