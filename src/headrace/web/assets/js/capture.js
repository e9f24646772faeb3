// Cameras, microphones and screens of this machine.

/** What went wrong when a device was asked for, in words that help. */
export function captureTrouble(error, what) {
  const reasons = {
    NotAllowedError: `This page may not use the ${what}. Allow it beside the address, then try again.`,
    NotFoundError: `There is no ${what} here. Connect one, or choose another.`,
    NotReadableError: `The ${what} is in use by another program, or was switched off.`,
    OverconstrainedError: `The ${what} cannot do that picture. Choose a smaller one.`,
    SecurityError: `The browser gives the ${what} only to pages with https, or on this machine itself.`,
  };
  return reasons[error.name] ?? `The ${what} did not start: ${error.message}`;
}

/** Whether the browser gives devices to this page at all. */
export const canCapture = () => Boolean(navigator.mediaDevices?.getUserMedia);

export function openCamera(deviceId, { width, height, framesPerSecond }) {
  return navigator.mediaDevices.getUserMedia({
    video: {
      ...(deviceId ? { deviceId: { exact: deviceId } } : { facingMode: "user" }),
      width: { ideal: width },
      height: { ideal: height },
      frameRate: { ideal: framesPerSecond },
    },
  });
}

export function openMicrophone(deviceId) {
  return navigator.mediaDevices.getUserMedia({ audio: deviceId ? { deviceId: { exact: deviceId } } : true });
}

export function openScreen({ width, height, framesPerSecond }) {
  const video = { width: { max: width }, height: { max: height }, frameRate: { max: framesPerSecond } };
  return navigator.mediaDevices.getDisplayMedia({ video, audio: true });
}

export function closeStream(stream) {
  for (const track of stream?.getTracks() ?? []) track.stop();
}

/** Fill lists of devices; names are known only once the browser has given one of them. */
export async function listDevices(cameras, microphones) {
  const devices = await navigator.mediaDevices.enumerateDevices();
  for (const [list, kind] of [[cameras, "videoinput"], [microphones, "audioinput"]]) {
    const [chosen, first] = [list.value, list.options[0]];
    const named = devices.filter((one) => one.kind === kind && one.deviceId && one.label);
    list.replaceChildren(first, ...named.map((one) => new Option(one.label, one.deviceId)));
    list.value = named.some((one) => one.deviceId === chosen) ? chosen : "";
  }
}
