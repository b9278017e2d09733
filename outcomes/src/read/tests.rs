use crate::Pool;
use std::io::Write;

const META: &str = r#"{"licence": "MIT", "models": [
    {"id": "small", "usd_per_mtok_in": 0.1, "usd_per_mtok_out": 0.2, "note": "whatever"}, {"id": "large"}]}"#;

fn read(meta: &str, rows: impl AsRef<[u8]>) -> Result<Pool, String> {
    Pool::read("p", ["p.meta.json", "p.jsonl"], meta.as_bytes(), rows.as_ref()).map_err(|bad| bad.to_string())
}

const ROW: &str = r#"{"id":"a","task":"t","prompt":"Grüße 🐟","s":[1,null],"c":[12.5,null],"later":{"x":1}}"#;

#[test]
fn what_was_not_run_is_not_zero() {
    let pool = read(META, ROW).unwrap();
    let row = &pool.rows[0];
    assert_eq!((row.s[0], row.c[0]), (1.0, 12.5));
    assert!(row.s[1].is_nan() && row.c[1].is_nan() && !row.complete());
    assert_eq!((pool.models[0].usd_per_mtok_out, pool.models[1].usd_per_mtok_in), (Some(0.2), None));
    assert!(row.ot.is_empty() && row.tools.is_empty() && row.tokens_in > 0);
    assert_eq!((pool.licence.as_str(), row.split.as_str()), ("MIT", "dev"));
}

#[test]
fn compressed_or_not_it_is_the_same() {
    let rows = format!("{ROW}\r\n\n{}\n", ROW.replace("\"a\"", "\"b\""));
    let mut packed = Vec::new();
    for part in rows.as_bytes().chunks(40) {
        // In several members, as tools that append leave it.
        let mut gzip = flate2::write::GzEncoder::new(&mut packed, flate2::Compression::fast());
        gzip.write_all(part).unwrap();
        gzip.finish().unwrap();
    }
    assert_eq!(format!("{:?}", read(META, &packed)), format!("{:?}", read(META, &rows)));
    assert_eq!(read(META, &rows).unwrap().rows.len(), 2);
    let cut = &packed[..packed.len() - 9];
    assert!(read(META, cut).unwrap_err().starts_with("p.jsonl:"), "a cut archive is told");
}

#[test]
fn a_wrong_line_is_named() {
    let second = |line: &str| read(META, format!("{ROW}\n{line}\n")).unwrap_err();
    let other = ROW.replace("\"a\"", "\"b\"");
    for (line, what) in [
        (ROW.into(), "p.jsonl:2: the id \"a\" is there twice"),
        (other.replace("[1,null]", "[1]"), "p.jsonl:2: s has 1 entries and the pool 2 models"),
        (
            other.replace("[1,null]", "[1.5,0]"),
            "p.jsonl:2: s has 1.5 where a quality from 0 to 1 is expected",
        ),
        (other.replace("[12.5,null]", "[-1,0]"), "p.jsonl:2: c has -1 where a cost of 0 or more is expected"),
        (
            other.replace("\"later\"", "\"ot\":[1],\"later\""),
            "p.jsonl:2: ot has 1 entries and the pool 2 models",
        ),
        (other.replace("\"prompt\"", "\"question\""), "p.jsonl:2: missing field `prompt`"),
        (other.replace("\"id\"", "id"), "p.jsonl:2: key must be a string"),
    ] {
        let error = second(&line);
        assert!(error.starts_with(what), "{error}");
    }
    assert_eq!(read(META, "\n\n").unwrap_err(), "p.jsonl: no rows");
    assert_eq!(read(r#"{"models":[]}"#, ROW).unwrap_err(), "p.meta.json: no models");
    assert!(read("{}", ROW).unwrap_err().starts_with("p.meta.json: missing field `models`"));
    let twice = META.replace("large", "small");
    assert_eq!(read(&twice, ROW).unwrap_err(), "p.meta.json: the model \"small\" is there twice");
    let negative = META.replace("0.1", "-0.1");
    assert!(read(&negative, ROW).unwrap_err().contains("-0.1 USD per million tokens of \"small\""));
}
