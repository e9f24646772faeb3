// All sounds of a studio in one track, whose level can be seen: microphones and screens come and go, the track stays.

export class SoundMixer {
  #sources = new Map();
  #samples = null;

  constructor() {
    this.context = new AudioContext({ latencyHint: "interactive" });
    this.destination = this.context.createMediaStreamDestination();
    this.gain = this.context.createGain();
    this.analyser = this.context.createAnalyser();
    this.analyser.fftSize = 1024;
    this.gain.connect(this.destination);
    this.gain.connect(this.analyser);
    this.#samples = new Float32Array(this.analyser.fftSize);
  }

  get track() {
    return this.destination.stream.getAudioTracks()[0];
  }

  /** Mix in the sound of a stream under a name, in place of what had it before; null for nothing. */
  set(name, stream) {
    this.#sources.get(name)?.disconnect();
    this.#sources.delete(name);
    if (!stream?.getAudioTracks().length) return;
    const source = this.context.createMediaStreamSource(stream);
    source.connect(this.gain);
    this.#sources.set(name, source);
    this.context.resume();
  }

  get hasSound() {
    return this.#sources.size > 0;
  }

  set isMuted(isMuted) {
    this.gain.gain.value = isMuted ? 0 : 1;
  }

  /** The loudest of the last 20 ms, from 0 to 1 over 60 dB. */
  level() {
    this.analyser.getFloatTimeDomainData(this.#samples);
    const peak = this.#samples.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0);
    return peak > 0 ? Math.min(1, Math.max(0, 1 + (20 * Math.log10(peak)) / 60)) : 0;
  }
}
