use super::*;
use futures::executor::block_on;
use multer::Multipart;
use proptest::collection::vec;
use proptest::prelude::*;
use std::convert::Infallible;

const KIND: &str = "multipart/form-data; boundary=b1";

/// Parts with all that is in them, from a body that comes in pieces of these sizes.
fn read(body: &[u8], sizes: &[usize]) -> Result<Vec<(Head, Vec<u8>)>, &'static str> {
    let mut parts = Parts::new(KIND).unwrap();
    let (mut all, mut rest, mut sizes) = (Vec::<(Head, Vec<u8>)>::new(), body, sizes.iter().cycle());
    loop {
        match parts.next()? {
            Step::More if rest.is_empty() => return Err("cut"),
            Step::More => {
                let (now, later) = rest.split_at(sizes.next().copied().unwrap_or(1).clamp(1, rest.len()));
                parts.feed(Bytes::copy_from_slice(now));
                rest = later;
            }
            Step::Part(head) => all.push((head, Vec::new())),
            Step::Data(data) => {
                assert!(!data.is_empty());
                all.last_mut().unwrap().1.extend_from_slice(&data);
            }
            Step::PartEnd => {}
            Step::End => return Ok(all),
        }
    }
}

fn head(name: &str, file: Option<&str>) -> Head {
    Head { name: name.into(), file: file.map(Into::into), mime: None }
}

#[test]
fn a_form_is_read_in_whatever_pieces() {
    let body = b"nothing\r\n--b1  \r\ncontent-disposition: form-data; name=\"model\"\r\n\r\nwhisper\r\n--b1\r\n\
        Content-Type: audio/wav\r\nCONTENT-DISPOSITION: form-data; filename=\"a;b.wav\"; name=file\r\n\r\n\r\n--b\r\n-\r\n--b1--\r\nbehind";
    for size in 1..body.len() {
        let all = read(body, &[size]).unwrap();
        assert_eq!(all[0], (head("model", None), b"whisper".to_vec()), "{size}");
        let file = Head { mime: Some("audio/wav".into()), ..head("file", Some("a;b.wav")) };
        assert_eq!(all[1], (file, b"\r\n--b\r\n-".to_vec()), "{size}");
        assert_eq!(all.len(), 2);
    }
}

#[test]
fn parts_may_be_empty() {
    let body = b"--b1\r\ncontent-disposition: form-data; name=a\r\n\r\n\r\n--b1--";
    assert_eq!(read(body, &[1]).unwrap(), [(head("a", None), vec![])]);
    assert_eq!(read(b"--b1--", &[9]).unwrap(), []);
}

#[test]
fn what_is_no_form_is_none() {
    for kind in [
        "",
        "text/plain",
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/mixed; boundary=b",
        "multipart/form-data; boundary=\"a\nb\"",
    ] {
        assert!(Parts::new(kind).is_none(), "{kind}");
    }
    assert!(Parts::new(&format!("multipart/form-data; boundary={}", "b".repeat(71))).is_none());
    assert!(Parts::new("Multipart/Form-Data; charset=utf-8; boundary=\"a b'c\"").is_some());
    for body in [
        "",
        "--b1",
        "--b1\r\n",
        "--b1\r\n\r\n",
        "--b1x\r\n",
        "--b1\r\ncontent-disposition: form-data; name=a\r\n\r\nunended",
        "--b1\r\ncontent-disposition: attachment; name=a\r\n\r\n\r\n--b1--",
        "--b1\r\nno header\r\n\r\n\r\n--b1--",
        "--b1\r\ncontent-type: text/plain\r\n\r\nno name\r\n--b1--",
    ] {
        assert!(read(body.as_bytes(), &[3]).is_err(), "{body:?}");
    }
    let long = format!("--b1\r\nx: {}", "y".repeat(40_000));
    assert_eq!(read(long.as_bytes(), &[1_000]), Err("the headers of a part are too long"));
    assert!(read(&vec![b'x'; 100_000], &[5_000]).is_err());
}

/// However a file comes, no more of it is held than could be a boundary.
#[test]
fn nothing_is_held() {
    let mut parts = Parts::new(KIND).unwrap();
    parts.feed(Bytes::from_static(b"--b1\r\ncontent-disposition: form-data; name=file; filename=x\r\n\r\n"));
    assert!(matches!(parts.next(), Ok(Step::Part(_))));
    for _ in 0..100 {
        parts.feed(vec![b'\r'; 10_000].into());
        while let Ok(Step::Data(_)) = parts.next() {}
        assert!(parts.held.len() < parts.length, "{}", parts.held.len());
    }
}

#[test]
fn names_of_files_are_as_the_client_has_them() {
    for (told, name) in [
        (r#"filename="naïve 水.wav""#, "naïve 水.wav"),
        (r#"filename="a\"b.wav""#, "a\"b.wav"),
        (r#"filename="C:\music\b.wav""#, r"C:\music\b.wav"),
        (r#"filename="%22q%22.wav""#, "\"q\".wav"),
        (r#"filename="100%.wav""#, "100%.wav"),
        (r#"filename="x.wav"; filename*=UTF-8''na%C3%AFve.wav"#, "naïve.wav"),
        (r#"filename*=utf-8'de'z%20z.wav; filename="x.wav""#, "z z.wav"),
        (r#"filename="x.wav"; filename*=UTF-16''zz"#, "x.wav"),
        (r#"filename="x.wav"; filename*=UTF-8''%F"#, "x.wav"),
        (r#"filename="never ended"#, "never ended"),
        ("filename=plain.wav", "plain.wav"),
    ] {
        let body = format!("--b1\r\ncontent-disposition: form-data; name=file; {told}\r\n\r\nx\r\n--b1--");
        let all = read(body.as_bytes(), &[7]).unwrap();
        assert_eq!(all[0].0.file.as_deref(), Some(name), "{told}");
    }
}

/// As `multer` reads it: it is the judge.
fn judged(body: Vec<u8>) -> Option<Vec<(String, Vec<u8>)>> {
    let whole = futures::stream::once(async move { Ok::<_, Infallible>(Bytes::from(body)) });
    let mut form = Multipart::new(whole, "b1");
    block_on(async {
        let mut all = Vec::new();
        while let Some(field) = form.next_field().await.ok()? {
            let name = field.name()?.to_owned();
            all.push((name, field.bytes().await.ok()?.to_vec()));
        }
        Some(all)
    })
}

proptest! {
    #[test]
    fn forms_are_what_another_reader_makes_of_them(
        contents in vec(vec(prop_oneof![Just(b'\r'), Just(b'\n'), Just(b'-'), Just(b'b'), Just(b'1'), any::<u8>()], 0..60), 1..5),
        sizes in vec(1usize..40, 1..6),
    ) {
        let mut body = Vec::new();
        for (at, content) in contents.iter().enumerate() {
            body.extend_from_slice(format!("--b1\r\nContent-Disposition: form-data; name=\"part{at}\"\r\n\r\n").as_bytes());
            body.extend_from_slice(content);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(b"--b1--\r\n");
        let ours = read(&body, &sizes);
        // A boundary that the content happens to hold is one for everybody.
        let clean = contents.iter().all(|c| !c.windows(6).any(|w| w == b"\r\n--b1") && !c.starts_with(b"--b1"));
        if clean {
            let all = ours.as_ref().unwrap();
            let told: Vec<&Vec<u8>> = all.iter().map(|(_, content)| content).collect();
            prop_assert_eq!(told, contents.iter().collect::<Vec<_>>());
            let theirs = judged(body).unwrap();
            let ours: Vec<(String, Vec<u8>)> = all.iter().map(|(head, content)| (head.name.clone(), content.clone())).collect();
            prop_assert_eq!(ours, theirs);
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(body in vec(any::<u8>(), 0..300), sizes in vec(1usize..50, 1..4)) {
        let at_once = read(&body, &[body.len().max(1)]);
        prop_assert_eq!(read(&body, &sizes), at_once);
    }
}
