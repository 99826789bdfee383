// Undoing base64 and gzip. For the first block it begins before anything else is read, and goes on
// beside it.
window.gridkitUnpack = (id) => {
  const fromBase64 = (text) => {
    if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text); // since 2025, far faster
    const letters = atob(text), bytes = new Uint8Array(letters.length);
    for (let i = 0; i < bytes.length; i++) bytes[i] = letters.charCodeAt(i);
    return bytes;
  };
  const block = document.getElementById(id), packed = block.dataset.packed === "gzip";
  if (packed && !("DecompressionStream" in window)) return null;
  const bytes = fromBase64(block.textContent);
  if (!packed) return Promise.resolve(bytes.buffer);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).arrayBuffer();
};
window.gridkitData = window.gridkitUnpack("gk-data");
