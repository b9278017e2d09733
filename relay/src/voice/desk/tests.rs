use super::*;

const PCM: Sound = Sound::of(Codec::Pcm).at(8_000);

/// A tone and a tenth of a second of silence behind it.
fn tone(every: usize, millis: usize, rate: usize) -> Vec<u8> {
    let wave =
        (0..millis * rate / 1_000).map(|n| if (n / every).is_multiple_of(2) { 4_000_i16 } else { -4_000 });
    wave.chain(std::iter::repeat_n(0, rate / 10)).flat_map(i16::to_le_bytes).collect()
}

fn take(desk: &mut Desk, bytes: &[u8], size: usize) -> Vec<u8> {
    let mut queue = VecDeque::new();
    for piece in bytes.chunks(size) {
        desk.take(Bytes::copy_from_slice(piece), &mut queue).unwrap();
    }
    Vec::from(queue).concat()
}

fn end(desk: &mut Desk) -> Vec<u8> {
    let mut queue = VecDeque::new();
    desk.end(&mut queue);
    Vec::from(queue).concat()
}

#[test]
fn samples_are_the_same_however_they_come_and_counted() {
    let sound = tone(8, 400, 8_000);
    for size in [1, 3, 480, 100_000] {
        let mut desk = Desk::new(PCM, PCM);
        assert!(!desk.has_sound());
        let mut heard = take(&mut desk, &sound, size);
        assert!(desk.has_sound());
        assert_eq!((desk.part_millis(), desk.flight_millis()), (500, 500));
        // A little is kept, as something may have to fade out of it.
        assert_eq!(sound.len() - heard.len(), 2 * 160);
        desk.part_over().unwrap();
        heard.extend(end(&mut desk));
        assert_eq!(heard, sound, "{size}");
    }
}

#[test]
fn who_goes_on_leaves_out_what_was_heard() {
    let sound = tone(8, 600, 8_000);
    let story = [sound.clone(), tone(4, 600, 8_000)].concat();
    let mut desk = Desk::new(PCM, PCM);
    // It dies within the first tone, in the middle of a sample.
    let mut heard = take(&mut desk, &story[..2 * 8 * 500 + 1], 333);
    assert!(matches!(desk.part_over(), Err(Fault::Cut(_))));
    assert_eq!(desk.goes_on(), Some(PCM));
    desk.resume(PCM);
    assert_eq!(desk.part_millis(), 0);
    heard.extend(take(&mut desk, &story, 333));
    desk.part_over().unwrap();
    heard.extend(end(&mut desk));
    let millis = heard.len() / 16;
    assert!(millis.abs_diff(1_400) < 420, "{millis} ms");
    assert!(heard.ends_with(&tone(4, 600, 8_000)), "the second tone is whole");
}

#[test]
fn nothing_and_silence_are_faults() {
    let silent = |desk: &Desk| matches!(desk.part_over(), Err(Fault::Silent(_)));
    let mut desk = Desk::new(PCM, PCM);
    assert!(silent(&desk));
    take(&mut desk, &[0; 16_000], 1_000);
    assert!(desk.has_sound() && silent(&desk));
    // Of silence nothing was heard that could be left out.
    desk.resume(PCM);
    let sound = tone(8, 300, 8_000);
    let heard = [take(&mut desk, &sound, 100), end(&mut desk)].concat();
    assert!(heard.len() >= sound.len() - 2 * 160);
    // A header alone is no sound.
    let mut desk = Desk::new(Sound::of(Codec::Wav), Sound::of(Codec::Wav));
    assert!(take(&mut desk, &audio::Wrap::whole(Plain::Wav, 8_000, &[]), 7).is_empty());
    assert!(silent(&desk));
}

#[test]
fn samples_of_any_container_become_any_other() {
    let samples: Vec<i16> = (0..4_000).map(|n| if (n / 8) % 2 == 0 { 4_000 } else { -4_000 }).collect();
    let wav = audio::Wrap::whole(Plain::Wav, 16_000, &samples);
    let mut desk = Desk::new(PCM, Sound::of(Codec::Wav));
    let heard = [take(&mut desk, &wav, 999), end(&mut desk)].concat();
    assert!((heard.len() / 2).abs_diff(2_000) < 20, "{}", heard.len());
    // Without a rate of its own it has the provider's, and one header.
    let mut desk = Desk::new(Sound::of(Codec::Wav), Sound::of(Codec::Pcm).at(16_000));
    let bytes: Vec<u8> = samples.iter().flat_map(|s| s.to_le_bytes()).collect();
    let mut heard = take(&mut desk, &bytes, 1_000);
    desk.part(Sound::of(Codec::Wav));
    heard.extend(take(&mut desk, &wav, 1_000));
    heard.extend(end(&mut desk));
    assert_eq!(&heard[24..28], 16_000_u32.to_le_bytes());
    assert_eq!(heard.windows(4).filter(|w| *w == b"RIFF").count(), 1);
    assert_eq!(desk.flight_millis(), 500);
}

#[test]
fn what_cannot_be_put_end_to_end_passes_as_it_is() {
    let opus = Sound::of(Codec::Opus);
    let mut desk = Desk::new(opus, opus);
    assert_eq!(take(&mut desk, b"OggS and so on", 5), b"OggS and so on");
    assert_eq!(desk.goes_on(), None);
    desk.part_over().unwrap();
    assert!(end(&mut desk).is_empty());
    assert!(Desk::takes(opus, opus) && Desk::takes(PCM, Sound::of(Codec::Wav)));
    assert!(!Desk::takes(opus, Sound::of(Codec::Aac)) && !Desk::takes(PCM, opus));
}
