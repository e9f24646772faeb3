// Reads the moment out of each picture that the page's player shows: what `picture_stamp.py` has drawn.

const SQUARE_PIXELS = 16;
const STAMP_BITS = 32;
const LIMIT = 125;

globalThis.stamps = [];

/** The wall clock's time of performance.now() == 0, milliseconds: the smallest of many, as Date.now() cuts off. */
function wallOrigin() {
  let most = -Infinity;
  const until = performance.now() + 20;
  while (performance.now() < until) most = Math.max(most, Date.now() - performance.now());
  return most;
}

function readStamp(context, video) {
  context.drawImage(video, 0, 0, context.canvas.width, context.canvas.height, 0, 0, context.canvas.width, context.canvas.height);
  const { data } = context.getImageData(0, 0, context.canvas.width, context.canvas.height);
  const isWhite = (column, row) => data[4 * ((row + 0.5) * SQUARE_PIXELS * context.canvas.width + (column + 0.5) * SQUARE_PIXELS)] > LIMIT;
  let stamp = 0;
  for (let bit = 0; bit < STAMP_BITS; bit += 1) {
    if (isWhite(bit, 0) === isWhite(bit, 1)) return null;
    stamp = stamp * 2 + (isWhite(bit, 0) ? 1 : 0);
  }
  return stamp;
}

globalThis.watchStamps = (video) => {
  const canvas = new OffscreenCanvas(STAMP_BITS * SQUARE_PIXELS, 2 * SQUARE_PIXELS);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const origin = wallOrigin();
  const note = (now, seen) => {
    video.requestVideoFrameCallback(note);
    globalThis.stamps.push({
      stamp: readStamp(context, video),
      receivedMs: origin + seen.receiveTime,
      presentedMs: origin + seen.presentationTime,
      displayedMs: origin + seen.expectedDisplayTime,
      calledMs: origin + now,
      decodeMs: seen.processingDuration * 1000,
    });
  };
  video.requestVideoFrameCallback(note);
};
