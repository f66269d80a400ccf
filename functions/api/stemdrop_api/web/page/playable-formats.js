// The formats of stems that this browser can play.

const MEDIA_TYPES = {
  flac: "audio/flac",
  mp3: "audio/mpeg",
  ogg: 'audio/ogg; codecs="vorbis"',
  m4a: 'audio/mp4; codecs="mp4a.40.2"',
  opus: 'audio/ogg; codecs="opus"',
  wma: 'audio/x-ms-wma; codecs="wmav2"',
  aiff: "audio/aiff",
  alac: 'audio/mp4; codecs="alac"',
};

/** Return whether this browser can play a codec. The page reads wav itself. */
export function canPlay(codec) {
  const type = MEDIA_TYPES[codec];
  return type === undefined || document.createElement("audio").canPlayType(type) !== "";
}
