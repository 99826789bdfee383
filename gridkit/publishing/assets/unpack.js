// Undoing base64 and gzip begins before anything else is read: it goes on beside it.
window.gridkitData = (() => {
  const block = document.getElementById("gk-data"), packed = block.dataset.packed === "gzip";
  if (packed && !("DecompressionStream" in window)) return null;
  const letters = atob(block.textContent), bytes = new Uint8Array(letters.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = letters.charCodeAt(i);
  if (!packed) return Promise.resolve(bytes.buffer);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).arrayBuffer();
})();
