// The player's controls: buttons, keys, and what hides them while nobody moves.

import { announce, byId, setIcon, setLabel, toast } from "./dom.js";

const IDLE_AFTER_MS = 3000;
const VOLUME_STEP = 0.05;
const KEY = "headrace-volume";

export class PlayerBar {
  #idleTimer = 0;

  /**
   * @param {{video: HTMLVideoElement, isPlaying: () => boolean, toggle: () => void}} parts `toggle` stops, or goes on live.
   */
  constructor({ video, isPlaying, toggle }) {
    this.video = video;
    this.isPlaying = isPlaying;
    this.player = byId("player");
    this.#restoreVolume();
    byId("play").addEventListener("click", toggle);
    video.addEventListener("click", () => (matchMedia("(pointer: coarse)").matches ? this.#stir() : toggle()));
    video.addEventListener("dblclick", () => this.#toggleFullscreen());
    byId("mute").addEventListener("click", () => this.setMuted(!video.muted));
    byId("unmute").addEventListener("click", () => this.setMuted(false));
    byId("volume").addEventListener("input", (event) => this.#setVolume(event.target.value / 100));
    video.addEventListener("volumechange", () => this.#showVolume());
    this.#prepareFullscreen();
    this.#preparePictureInPicture();
    this.#prepareIdling();
    this.keys = {
      k: toggle,
      " ": toggle,
      m: () => this.setMuted(!video.muted),
      f: () => this.#toggleFullscreen(),
      i: () => this.#togglePictureInPicture(),
      ArrowUp: () => this.#setVolume(video.volume + VOLUME_STEP),
      ArrowDown: () => this.#setVolume(video.volume - VOLUME_STEP),
    };
    document.addEventListener("keydown", (event) => this.#handleKey(event));
    this.#showVolume();
  }

  /** Let the video begin; where a browser wants it silent, it is, and a button says so. */
  async begin() {
    try {
      await this.video.play();
    } catch (error) {
      if (error.name !== "NotAllowedError" || this.video.muted) return;
      this.video.muted = true;
      byId("unmute").hidden = false;
      await this.video.play().catch(() => {});
    }
  }

  setMuted(isMuted) {
    this.video.muted = isMuted;
    if (!isMuted && this.video.volume === 0) this.video.volume = 0.5;
    this.#keepVolume();
  }

  /** Show whether it plays. */
  showPlaying(isWanted) {
    setIcon(byId("play"), isWanted ? "pause" : "play");
    setLabel(byId("play"), isWanted ? "Pause" : "Go on live", "k");
    this.#stir();
  }

  #setVolume(volume) {
    this.video.volume = Math.min(1, Math.max(0, volume));
    this.video.muted = this.video.volume === 0;
    this.#keepVolume();
    if (document.activeElement !== byId("volume")) announce(`Volume ${Math.round(this.video.volume * 100)} percent`);
  }

  #restoreVolume() {
    try {
      const { volume = 1, isMuted = false } = JSON.parse(localStorage.getItem(KEY) ?? "{}");
      this.video.volume = volume;
      this.video.muted = isMuted;
    } catch {
      this.video.volume = 1; // Nothing kept, or something of another program.
    }
  }

  #keepVolume() {
    try {
      localStorage.setItem(KEY, JSON.stringify({ volume: this.video.volume, isMuted: this.video.muted }));
    } catch {
      // Then it is as loud as always next time.
    }
  }

  #showVolume() {
    const { muted, volume } = this.video;
    setIcon(byId("mute"), muted ? "volume-off" : "volume");
    setLabel(byId("mute"), muted ? "Unmute" : "Mute", "m");
    byId("volume").value = muted ? 0 : Math.round(volume * 100);
    if (!muted) byId("unmute").hidden = true;
  }

  #prepareFullscreen() {
    const button = byId("fullscreen");
    button.addEventListener("click", () => this.#toggleFullscreen());
    button.hidden = !document.fullscreenEnabled && !this.video.webkitEnterFullscreen;
    document.addEventListener("fullscreenchange", () => {
      const isFull = document.fullscreenElement === this.player;
      setIcon(button, isFull ? "fullscreen-exit" : "fullscreen");
      setLabel(button, isFull ? "Leave fullscreen" : "Fullscreen", "f");
    });
  }

  #toggleFullscreen() {
    if (document.fullscreenElement) document.exitFullscreen();
    else if (this.player.requestFullscreen) this.player.requestFullscreen().catch(() => toast("This browser does not allow fullscreen here"));
    else this.video.webkitEnterFullscreen?.(); // Safari on a phone knows no other way.
  }

  #preparePictureInPicture() {
    byId("pip").hidden = !document.pictureInPictureEnabled;
    byId("pip").addEventListener("click", () => this.#togglePictureInPicture());
  }

  async #togglePictureInPicture() {
    if (!document.pictureInPictureEnabled) return;
    try {
      if (document.pictureInPictureElement) await document.exitPictureInPicture();
      else await this.video.requestPictureInPicture();
    } catch {
      toast("Picture in picture starts with the picture");
    }
  }

  #prepareIdling() {
    for (const kind of ["pointermove", "pointerdown", "focusin"]) this.player.addEventListener(kind, () => this.#stir());
    this.player.addEventListener("pointerleave", () => this.#idle());
  }

  #stir() {
    this.player.classList.remove("is-idle");
    clearTimeout(this.#idleTimer);
    this.#idleTimer = setTimeout(() => this.#idle(), IDLE_AFTER_MS);
  }

  #idle() {
    this.player.classList.toggle("is-idle", this.isPlaying());
  }

  #handleKey(event) {
    const target = event.target;
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (target.matches("input:not([type=range]), textarea, select")) return;
    // A button answers the space bar itself, a slider and a list the arrows.
    if (event.key === " " && target.matches("button, a, [role=button]")) return;
    if (event.key.startsWith("Arrow") && !(target === document.body || this.player.contains(target) || target.id === "main")) return;
    if (event.key.startsWith("Arrow") && target.matches("input")) return;
    const run = this.keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!run) return;
    event.preventDefault();
    this.#stir();
    run();
  }
}
