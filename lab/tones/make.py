"""Makes `frames.bin`: one frame of every tone of the lab, and one of silence, in the codecs that the lab has no encoder for.

A sine whose period goes into a frame is the same frame again and again, so a tone of any length is a frame repeated, as long
as frames keep no bits for one another. Needs numpy and an ffmpeg with libmp3lame and libopus:

    python3 lab/tones/make.py path/to/ffmpeg

Each tone is decoded again from its repeated frame and listened to. The file is, for each codec in order, 25 times: a length in
two bytes (little-endian), and that many bytes.
"""

import pathlib
import subprocess
import sys

import numpy

FFMPEG = sys.argv[1] if len(sys.argv) > 1 else "ffmpeg"
TONES = [500 + 125 * i for i in range(24)]
CODECS = [
    # name, rate, samples in a frame, how ffmpeg encodes it
    ("mp3", 44100, 1152, ["-c:a", "libmp3lame", "-b:a", "128k", "-reservoir", "0", "-write_xing", "0", "-id3v2_version", "0"]),
    ("mp3", 24000, 576, ["-c:a", "libmp3lame", "-b:a", "64k", "-reservoir", "0", "-write_xing", "0", "-id3v2_version", "0"]),
    ("mp3", 22050, 576, ["-c:a", "libmp3lame", "-b:a", "48k", "-reservoir", "0", "-write_xing", "0", "-id3v2_version", "0"]),
    ("adts", 24000, 1024, ["-c:a", "aac", "-b:a", "32k", "-aac_pns", "0", "-aac_tns", "0"]),
    ("opus", 48000, 960, ["-c:a", "libopus", "-b:a", "32k", "-vbr", "off", "-application", "lowdelay", "-frame_duration", "20"]),
]


def run(arguments, data):
    return subprocess.run([FFMPEG, "-v", "error", *arguments], input=data, stdout=subprocess.PIPE, check=True).stdout


def frames_of_mp3(data):
    rates = {3: [44100, 48000, 32000], 2: [22050, 24000, 16000]}
    full = [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320]
    half = [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160]
    at = 0
    while at + 4 <= len(data):
        version = data[at + 1] >> 3 & 3
        rate = rates[version][data[at + 2] >> 2 & 3]
        bits = (full if version == 3 else half)[data[at + 2] >> 4] * 1000
        length = (144 if version == 3 else 72) * bits // rate + (data[at + 2] >> 1 & 1)
        yield data[at : at + length]
        at += length


def frames_of_adts(data):
    at = 0
    while at + 7 <= len(data):
        length = (data[at + 3] & 3) << 11 | data[at + 4] << 3 | data[at + 5] >> 5
        yield data[at : at + length]
        at += length


def frames_of_ogg(data):
    at, packet, number = 0, b"", 0
    while at < len(data):
        segments = data[at + 27 : at + 27 + data[at + 26]]
        at += 27 + len(segments)
        for size in segments:
            packet += data[at : at + size]
            at += size
            if size < 255:
                number += 1
                if number > 2:
                    yield packet
                packet = b""


def ogg(packets):
    """Pages of one packet each, good enough for a decoder."""

    def crc(page):
        value = 0
        for byte in page:
            value ^= byte << 24
            for _ in range(8):
                value = (value << 1 ^ 0x04C11DB7 if value & 0x80000000 else value << 1) & 0xFFFFFFFF
        return value

    head = b"OpusHead\x01\x01\x38\x01\x80\xbb\x00\x00\x00\x00\x00"
    tags = b"OpusTags\x03\x00\x00\x00lab\x00\x00\x00\x00"
    out = b""
    for number, packet in enumerate([head, tags, *packets]):
        flags = 2 if number == 0 else 4 if number == len(packets) + 1 else 0
        table = [255] * (len(packet) // 255) + [len(packet) % 255]
        granule = max(0, number - 1) * 960
        page = b"OggS\0" + bytes([flags]) + granule.to_bytes(8, "little") + (7).to_bytes(4, "little")
        page += number.to_bytes(4, "little") + b"\0\0\0\0" + bytes([len(table), *table]) + packet
        out += page[:22] + crc(page).to_bytes(4, "little") + page[26:]
    return out


SPLIT = {"mp3": frames_of_mp3, "adts": frames_of_adts, "opus": frames_of_ogg}
out = b""
for name, rate, size, encoder in CODECS:
    for tone in [0, *TONES]:
        hertz = round(tone * size / rate) * rate / size
        sound = numpy.round(8000 * numpy.sin(2 * numpy.pi * hertz * numpy.arange(rate * 2) / rate)).astype("<i2")
        raw = ["-f", "s16le", "-ar", str(rate), "-ac", "1", "-i", "-"]
        made = run([*raw, *encoder, "-f", name, "-"], sound.tobytes())
        frames = list(SPLIT[name](made))
        frame = frames[len(frames) // 2]
        again = ogg([frame] * 50) if name == "opus" else frame * 50
        heard = numpy.frombuffer(run(["-f", {"adts": "aac", "opus": "ogg"}.get(name, name), "-i", "-", "-f", "s16le", "-ar", str(rate), "-ac", "1", "-"], again), "<i2").astype(float)
        heard = heard[len(heard) // 4 : len(heard) * 3 // 4]
        peak = numpy.abs(numpy.fft.rfft(heard * numpy.hanning(len(heard))))
        found = peak.argmax() * rate / len(heard)
        loud = numpy.abs(heard).max()
        print(name, rate, tone, round(hertz, 1), "heard", round(found, 1), "peak", loud, "bytes", len(frame))
        assert (loud < 40) if tone == 0 else (abs(found - tone) < 40 and 4000 < loud < 14000), "not to be heard again"
        out += len(frame).to_bytes(2, "little") + frame
pathlib.Path(__file__).with_name("frames.bin").write_bytes(out)
print(len(out), "bytes")
