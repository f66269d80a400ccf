"""Songs of a fixed seed, while a fifth of the invocations are killed and S3 fails."""

from soak.run import run

# In these songs, everything happens that a soak run can do to a song.
SONGS = 18
SEED = 24473


def test_no_song_is_lost_or_wrong_whatever_happens() -> None:
    findings = run(SONGS, SEED, print)
    print(findings.table())
    assert not findings.faults
    # All of it has happened.
    assert findings.counts["invocations killed"] > SONGS / 6
    for count in ("replaced", "deleted", "notified again"):
        assert findings.counts[f"songs {count}"]
    for count in ("done", "rejected", "lyrics done"):
        assert findings.counts[f"redriven: {count}"]
    assert findings.counts["failed after three attempts"]
    for kind in ("500", "503", "cut", "delay", "reset after", "reset before"):
        assert findings.counts[f"faults of S3: {kind}"]
