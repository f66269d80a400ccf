"""Examples of the OpenAPI document; the tests validate them against the schemas."""

from typing import Any

from stemdrop.options import LATER

JOB_ID = "9f0c1b7e5d3a48e2b6a7c4d1e8f25093"
REQUEST_ID = "38329bb5-18e7-471f-a0c3-42f338cfc02c"
FLAW = {"pointer": "#/size_bytes", "detail": "Field required"}
CURSOR = f"8231537699999-{JOB_ID}"
HOST = "https://abc123.execute-api.eu-central-1.amazonaws.com"
BUCKET = "https://stemdrop-stems-123456789012-eu-central-1.s3.eu-central-1.amazonaws.com"
SIGNATURE = "?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=..."
OPTIONS: dict[str, Any] = {
    "model": "2stems",
    "stems": ["vocals", "accompaniment"],
    "codec": "mp3",
    "bitrate": "192k",
    "offset_s": 0.0,
    "residual": False,
    "zip": False,
    **LATER,
}
REQUEST: dict[str, Any] = {"filename": "Song.mp3", "size_bytes": 4_321_000, "codec": "mp3"}
KNOWN: dict[str, Any] = REQUEST | {
    "sha256": "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b"
}
PART: dict[str, Any] = REQUEST | {
    "stems": ["vocals"],
    "codec": "flac",
    "bit_depth": "24",
    "offset_s": 60,
    "duration_s": 30,
    "residual": True,
    "zip": True,
}
UPLOAD: dict[str, Any] = {
    "method": "PUT",
    "url": f"{BUCKET.replace('-stems-', '-uploads-')}/jobs/{JOB_ID}{SIGNATURE}",
    "headers": {"x-amz-checksum-sha256": "a4ayc/80/OGda4BO/1o/V0etpOqiLx1JwB5S3beHW0s="},
    "expires_at": "2026-01-15T10:30:00.000Z",
    "command": ("curl --fail-with-body -T Song.mp3 -H 'x-amz-checksum-sha256: ...' 'https://...'"),
}
NO_LINKS: dict[str, Any] = {"stems": {}, "zip": None, "stem_file": None, "lyrics": {}}
AWAITING: dict[str, Any] = {
    "id": JOB_ID,
    "key": f"jobs/{JOB_ID}",
    "filename": "Song.mp3",
    "status": "awaiting_upload",
    "stage": None,
    "progress": 0.0,
    "seconds_left": None,
    "options": OPTIONS,
    "callback_url": None,
    "source": None,
    "sound": None,
    "music": None,
    "stems": [],
    "zip": None,
    "stem_file": None,
    "peaks": None,
    "lyrics": None,
    "error": None,
    "warnings": [],
    "usage": None,
    "attempt": 0,
    "created_at": "2026-01-15T10:15:00.000Z",
    "started_at": None,
    "updated_at": "2026-01-15T10:15:00.000Z",
    "finished_at": None,
    "deadline_at": None,
    "expires_at": None,
    "urls_expire_at": None,
    "links": NO_LINKS | {"self": f"{HOST}/jobs/{JOB_ID}"},
}
SOURCE: dict[str, Any] = {
    "key": f"jobs/{JOB_ID}",
    "etag": "0e4b2f7c5d1a4f7b9c3e8d6a5b4c3d2e",
    "size_bytes": 4_321_000,
    "uploaded_at": "2026-01-15T10:15:08.000Z",
    "sha256": "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b",
}
PROCESSING: dict[str, Any] = AWAITING | {
    "status": "processing",
    "stage": "separating",
    "progress": 0.4,
    "seconds_left": 4.2,
    "source": SOURCE,
    "attempt": 1,
    "started_at": "2026-01-15T10:15:10.000Z",
    "updated_at": "2026-01-15T10:15:13.000Z",
    "deadline_at": "2026-01-15T10:30:10.000Z",
}
DONE: dict[str, Any] = PROCESSING | {
    "status": "done",
    "stage": None,
    "progress": 1.0,
    "seconds_left": None,
    "sound": {
        "duration_s": 180.0,
        "sample_rate_hz": 44_100,
        "channels": 2,
        "has_title": True,
        "track": 1,
        "tracks": [{"number": 1, "language": None, "title": None, "is_default": False}],
    },
    "music": {
        "tempo_bpm": 128.0,
        "tempo_confidence": 0.62,
        "key": "A minor",
        "camelot": "8A",
        "loudness_lufs": -9.4,
        "peak_dbfs": -0.1,
        "beats_s": [0.412, 0.881, 1.35, 1.818],
    },
    "stems": [
        {
            "stem": stem,
            "filename": f"Song - {stem}.mp3",
            "size_bytes": 4_320_000,
            "duration_s": 180.0,
            "peak_dbfs": peak_dbfs,
            "clipped_samples": 0,
            "gain_db": 0.0,
            "waveform": "0019336680b3a6805a4d2600",
            "url": f"{BUCKET}/jobs/{JOB_ID}/{stem}.mp3{SIGNATURE}",
        }
        for stem, peak_dbfs in (("vocals", -3.1), ("accompaniment", -1.4))
    ],
    "peaks": {
        "filename": "Song - peaks.dat",
        "size_bytes": 93_054,
        "url": f"{BUCKET}/jobs/{JOB_ID}/peaks.dat{SIGNATURE}",
    },
    "usage": {
        "timings_s": {"download": 0.3, "reuse": 0.1, "separate": 5.9, "upload": 0.4, "total": 6.8},
        "peak_rss_bytes": 577_000_000,
        "gb_seconds": 19.975,
        "cost_usd": 0.00033292,
    },
    "updated_at": "2026-01-15T10:15:17.000Z",
    "finished_at": "2026-01-15T10:15:17.000Z",
    "expires_at": "2026-01-23T00:00:00.000Z",
    "urls_expire_at": "2026-01-15T10:31:00.000Z",
    "links": AWAITING["links"]
    | {
        "stems": {
            stem: f"{HOST}/jobs/{JOB_ID}/stems/{stem}" for stem in ("vocals", "accompaniment")
        }
    },
}
LYRICS_SIZES_BYTES = {"json": 31_250, "lrc": 6_480, "vtt": 3_310, "srt": 3_420}
WITH_LYRICS: dict[str, Any] = DONE | {
    "options": OPTIONS | {"lyrics": True},
    "lyrics": {
        "status": "done",
        "engine": "whisper tiny.en",
        "language": "en",
        "words": 214,
        "cost_usd": 0.00016987,
        "code": None,
        "reason": None,
        "deadline_at": None,
        "finished_at": "2026-01-15T10:15:24.000Z",
        "files": [
            {
                "format": name,
                "filename": f"Song - lyrics.{name}",
                "size_bytes": size_bytes,
                "url": f"{BUCKET}/jobs/{JOB_ID}/lyrics.{name}{SIGNATURE}",
            }
            for name, size_bytes in LYRICS_SIZES_BYTES.items()
        ],
    },
    "updated_at": "2026-01-15T10:15:24.000Z",
    "links": DONE["links"]
    | {
        "lyrics": {name: f"{HOST}/jobs/{JOB_ID}/stems/lyrics.{name}" for name in LYRICS_SIZES_BYTES}
    },
}
FAILED: dict[str, Any] = PROCESSING | {
    "status": "failed",
    "stage": None,
    "progress": 0.0,
    "seconds_left": None,
    "error": {
        "code": "not_audio",
        "message": "The file can't be read as audio.",
        "is_transient": False,
        "is_announced": False,
    },
    "updated_at": "2026-01-15T10:15:11.000Z",
    "finished_at": "2026-01-15T10:15:11.000Z",
    "expires_at": "2026-01-23T00:00:00.000Z",
}
DROPPED: dict[str, Any] = DONE | {
    "id": None,
    "key": "drop/live/Song.mp3",
    "filename": "Song.mp3",
    "source": SOURCE | {"key": "drop/live/Song.mp3"},
    "links": NO_LINKS | {"self": f"{HOST}/drop/live/Song.mp3"},
}
CAPABILITIES: dict[str, Any] = {
    "models": [
        {"model": model, "stems": ["vocals", "accompaniment"]}
        for model in ("2stems", "2stems-16kHz")
    ],
    "codecs": [
        {"codec": "wav", "bit_depths": ["16", "24", "32f"]},
        {"codec": "mp3", "bit_depths": []},
    ],
    "bitrate_range_kbps": [64, 320],
    "defaults": OPTIONS | {"codec": "wav", "bit_depth": "16"},
    "options": [
        {
            "name": "codec",
            "label": "Format",
            "description": "Format of the stems.",
            "type": "string",
            "values": [
                {"value": "wav", "label": "WAV – exact and large"},
                {"value": "mp3", "label": "MP3 – small, plays everywhere"},
            ],
            "examples": [],
            "minimum": None,
            "maximum": None,
            "default": "wav",
        }
    ],
    "limits": {"max_upload_bytes": 1_000_000_000, "max_duration_s": 3600},
    "retention_days": 7,
    "url_lifetime_s": 900,
    "estimates": [
        {
            "model": "2stems",
            "quality": "spleeter",
            "seconds_per_audio_minute": 1.412,
            "usd_per_audio_minute": 0.000069,
        }
    ],
    "lyrics": {
        "engine": "whisper tiny.en",
        "seconds_per_audio_minute": 1.157,
        "usd_per_audio_minute": 0.000057,
    },
}
