// Live pictures by Media Source Extensions: one fragment per frame comes over a WebSocket and is played at once.

const FAMILIES = {avc1: 'avc1.640028', hvc1: 'hvc1.1.6.L123.B0', av01: 'av01.0.08M.08'};
const NEAR = 0.12, MOST = 0.6, FAR_BEHIND = 1.5, KEEP = 8; // seconds

const Media = window.ManagedMediaSource ?? window.MediaSource;
export const CAN = Object.keys(FAMILIES).filter(name => Media?.isTypeSupported(`video/mp4; codecs="${FAMILIES[name]}"`));

export class Live {
  constructor(camera, video, told) {
    Object.assign(this, {camera, video, told, wait: 500, open: false, slack: NEAR});
    // It ran dry: this machine needs a little more in hand.
    video.addEventListener('waiting', () => { this.slack = Math.min(MOST, this.slack + 0.08); });
  }

  start() {
    if (this.open) return;
    this.open = true;
    this.connect();
  }

  stop() {
    this.open = false;
    clearTimeout(this.timer);
    this.socket?.close();
  }

  connect() {
    const address = `ws://${location.host}/api/v1/cameras/${this.camera}/live?can=${CAN.join()}`;
    const socket = this.socket = new WebSocket(address, 'vedette.fmp4');
    socket.binaryType = 'arraybuffer';
    socket.onmessage = ({data}) => typeof data === 'string' ? this.tell(JSON.parse(data)) : this.take(data);
    socket.onclose = ({reason}) => {
      if (socket !== this.socket || !this.open) return;
      this.told({why: reason || 'no picture, trying again'});
      this.timer = setTimeout(() => this.connect(), this.wait);
      this.wait = Math.min(this.wait * 2, 10000);
    };
  }

  tell(about) {
    this.told(about);
    if (about.mime) this.begin(about.mime);
  }

  // The first message, and one for each change of codec or size: what follows is another stream.
  begin(mime) {
    Object.assign(this, {queue: [], buffer: undefined, slack: NEAR});
    const source = this.source = new Media();
    if (this.address) URL.revokeObjectURL(this.address);
    if (window.ManagedMediaSource) this.video.disableRemotePlayback = true;
    this.video.src = this.address = URL.createObjectURL(source);
    source.onsourceopen = () => {
      if (source !== this.source || this.buffer) return;
      this.buffer = source.addSourceBuffer(mime);
      this.buffer.onupdateend = () => { this.follow(); this.push(); };
      this.push();
    };
  }

  take(data) {
    this.wait = 500;
    this.queue.push(data);
    this.push();
  }

  push() {
    const buffer = this.buffer, video = this.video;
    if (!buffer || buffer.updating || this.source.readyState !== 'open' || video.error) {
      if (video.error) this.socket.close();
      return;
    }
    const start = buffer.buffered.length ? buffer.buffered.start(0) : 0;
    if (video.currentTime - start > 2 * KEEP) buffer.remove(start, video.currentTime - KEEP);
    else if (this.queue.length) {
      const parts = this.queue.splice(0);
      buffer.appendBuffer(parts.length === 1 ? parts[0] : joined(parts));
    }
  }

  // Stay at the live edge: a little faster when behind, a jump when far behind or before the first picture.
  follow() {
    const {video, buffer} = this, n = buffer.buffered.length;
    if (!n) return;
    const end = buffer.buffered.end(n - 1), start = buffer.buffered.start(n - 1), late = end - video.currentTime;
    if (video.currentTime < start || late > FAR_BEHIND) video.currentTime = Math.max(start, end - 0.05);
    video.playbackRate = late > 2 * this.slack ? 1.1 : late > this.slack ? 1.04 : 1;
    if (video.paused) video.play().catch(() => {});
  }
}

function joined(parts) {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.byteLength, 0));
  let at = 0;
  for (const part of parts) { all.set(new Uint8Array(part), at); at += part.byteLength; }
  return all;
}
