//! Requests that have fooled somebody, and right ones to spoil.

/// What stands between the first line and the empty one; the body.
fn post(lines: &str, body: &str) -> Vec<u8> {
    format!("POST /a HTTP/1.1\r\nHost: a\r\n{lines}\r\n{body}").into_bytes()
}

fn get(first: &str, lines: &str) -> Vec<u8> {
    format!("{first}\r\n{lines}\r\n").into_bytes()
}

pub fn right_requests() -> Vec<Vec<u8>> {
    let large = "x".repeat(20_000);
    vec![
        get("GET / HTTP/1.1", "Host: a\r\n"),
        get("GET /path/to?a=b&c=%20 HTTP/1.1", "host: a:80\r\nAccept: */*\r\nUser-Agent: t\r\n"),
        get("HEAD / HTTP/1.1", "Host: a\r\n"),
        get("OPTIONS /x HTTP/1.1", "Host: a\r\nOrigin: https://b\r\n"),
        get("DELETE /x HTTP/1.1", "Host: a\r\nConnection: close\r\n"),
        post("Content-Length: 5\r\n", "hello"),
        post("content-type: application/json\r\nContent-Length: 0\r\nConnection: keep-alive\r\n", ""),
        post("Content-Length: 16\r\nX-A: b\r\nX-A: c\r\n", "{\"model\":\"auto\"}"),
        post(&format!("Content-Length: {}\r\n", large.len()), &large),
        post("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n"),
    ]
}

/// Each with a name.
pub fn requests() -> Vec<(String, Vec<u8>)> {
    let mut all: Vec<(String, Vec<u8>)> = Vec::new();
    let smuggled = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
    // What says how long a body is, twice, oddly, or both ways.
    for lines in [
        "Content-Length: 5\r\nContent-Length: 5\r\n",
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Content-Length: 5, 5\r\n",
        "Content-Length: 5,6\r\n",
        "Content-Length: +5\r\n",
        "Content-Length: -5\r\n",
        "Content-Length: 5.0\r\n",
        "Content-Length: 0x5\r\n",
        "Content-Length: 5 \r\n",
        "Content-Length:5\r\n",
        "Content-Length:\t5\r\n",
        "Content-Length: 5\t\r\n",
        "Content-Length : 5\r\n",
        "Content-Length\t: 5\r\n",
        " Content-Length: 5\r\n",
        "Content-Length: 5 5\r\n",
        "Content-Length: five\r\n",
        "Content-Length:\r\n",
        "Content-Length: \r\n",
        "Content-Length: 05\r\n",
        "Content-Length: 00000000000000000000000000005\r\n",
        "Content-Length: 18446744073709551615\r\n",
        "Content-Length: 18446744073709551616\r\n",
        "Content-Length: 18446744073709551621\r\n",
        "Content-Length: 1152921504606846977\r\n",
        "Content-Length: 99999999999999999999999\r\n",
        "Content-Length: \u{665}\r\n",
        "Content-Length:\r\n 5\r\n",
        "Content-Length: 5\r\n 6\r\n",
        "Content_Length: 5\r\n",
        "CONTENT-LENGTH: 5\r\n",
        "content-length: 5\r\nX: y\r\nContent-Length: 5\r\n",
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: identity\r\n",
        "Transfer-Encoding: gzip\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: chunked, gzip\r\n",
        "Transfer-Encoding: chunked, chunked\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding: chunked;q=1\r\n",
        "Transfer-Encoding: \"chunked\"\r\n",
        "Transfer-Encoding: CHUNKED\r\n",
        "Transfer-Encoding: chunked \r\n",
        "Transfer-Encoding:\tchunked\r\n",
        "Transfer-Encoding:\u{b}chunked\r\n",
        "Transfer-Encoding : chunked\r\n",
        "Transfer_Encoding: chunked\r\n",
        "Transfer-Encoding:\r\n chunked\r\n",
        "X: y\r\n Transfer-Encoding: chunked\r\n",
        "X: y\rTransfer-Encoding: chunked\r\n",
        "X: y\nTransfer-Encoding: chunked\r\n",
        "X: y\nContent-Length: 5\r\n",
        "Transfer-Encoding:\r\n",
        "Content-Length: 5\r\nTransfer-Encoding: \r\n",
        "Content-Length: 5\r\nTransfer-Encoding: identity\r\n",
        "Content-Length: 5\r\nConnection: Transfer-Encoding\r\n",
        "Expect: 100-continue\r\nContent-Length: 5\r\n",
        "Expect: 200-ok\r\nContent-Length: 5\r\n",
        "Content-Length: 5\r\nUpgrade: websocket\r\nConnection: upgrade\r\n",
        "Content-Length: 5\r\nTE: trailers\r\n",
        "Content-Length: 5\r\nTrailer: X\r\n",
    ] {
        all.push((format!("{lines:?}"), post(lines, "hello")));
        all.push((format!("{lines:?} and chunks"), post(lines, &format!("0\r\n\r\n{smuggled}"))));
    }
    for body in [
        "0\r\n\r\n",
        "00\r\n\r\n",
        "5\r\nhello\r\n0\r\n\r\n",
        "5;a=b\r\nhello\r\n0\r\n\r\n",
        "5 \r\nhello\r\n0\r\n\r\n",
        "5\nhello\n0\n\n",
        "5\r\nhello0\r\n\r\n",
        "5\r\nhello\r\n0\r\nX: y\r\n\r\n",
        "5\r\nhello\r\n0\r\nX y\r\n\r\n",
        "g\r\n",
        "-5\r\nhello\r\n0\r\n\r\n",
        "0x5\r\nhello\r\n0\r\n\r\n",
        "ffffffffffffffff1\r\nhello",
        "5\r\nhel",
        "5\r\nhello\r\n0\r\n",
        "5\r\nhello\r\n0\r\nContent-Length: 3\r\n\r\n",
        "5;\n\r\nhello\r\n0\r\n\r\n",
        "\r\n5\r\nhello\r\n",
    ] {
        all.push((format!("chunks {body:?}"), post("Transfer-Encoding: chunked\r\n", body)));
    }
    // The first line.
    for first in [
        "GET / HTTP/1.0",
        "GET / HTTP/0.9",
        "GET / HTTP/1.2",
        "GET / HTTP/2.0",
        "GET / HTTP/9.9",
        "GET / http/1.1",
        "GET /",
        "GET  / HTTP/1.1",
        "GET /  HTTP/1.1",
        "GET / HTTP/1.1 ",
        " GET / HTTP/1.1",
        "GET\t/\tHTTP/1.1",
        "GET / HTTP/1.1\r",
        "get / HTTP/1.1",
        "GETT / HTTP/1.1",
        "G\0T / HTTP/1.1",
        "GET /\0 HTTP/1.1",
        "GET /\u{7f} HTTP/1.1",
        "GET /\u{e9} HTTP/1.1",
        "GET /a b HTTP/1.1",
        "GET a HTTP/1.1",
        "GET * HTTP/1.1",
        "OPTIONS * HTTP/1.1",
        "GET http://a/ HTTP/1.1",
        "GET http://b/c?d HTTP/1.1",
        "GET //b/c HTTP/1.1",
        "GET /a#b HTTP/1.1",
        "GET /% HTTP/1.1",
        "GET /../.. HTTP/1.1",
        "GET /\\ HTTP/1.1",
        "GET /<> HTTP/1.1",
        "GET /\" HTTP/1.1",
        "GET /{a} HTTP/1.1",
        "CONNECT a:80 HTTP/1.1",
        "CONNECT / HTTP/1.1",
        "TRACE / HTTP/1.1",
        "PURGE / HTTP/1.1",
        "PRI * HTTP/2.0",
        "GET /? HTTP/1.1",
        "GET ? HTTP/1.1",
        "GET /a?b?c HTTP/1.1",
        "GET : HTTP/1.1",
        "GET / HTTP/1.1\nX: y",
        "",
        "\r\n",
        "\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\nGET /b HTTP/1.1",
        "HTTP/1.1 200 OK",
    ] {
        all.push((format!("{first:?}"), get(first, "Host: a\r\n")));
    }
    for lines in [
        "",
        "Host:\r\n",
        "Host: a\r\nHost: b\r\n",
        "Host: a\r\nHost: a\r\n",
        "Host: a, b\r\n",
        "host: a\r\n",
        "Host : a\r\n",
        " Host: a\r\n",
        "Host: a\r\nConnection: close, keep-alive\r\n",
        "Host: a\r\nConnection: keep-alive, x\r\n",
        "Host: a\r\nConnection: close\r\nConnection: keep-alive\r\n",
        "Host: a\r\nConnection: CLOSE\r\n",
        "Host: a\r\nConnection: x\r\n",
        "Host: a\r\nConnection:\r\n",
        "Host: a\r\nKeep-Alive: timeout=1\r\n",
        "Host: a\r\nUpgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAA\r\n",
        "Host: a\r\nX\r\n",
        "Host: a\r\n: y\r\n",
        "Host: a\r\nX: a\0b\r\n",
        "Host: a\r\nX: a\u{7f}b\r\n",
        "Host: a\r\nX: a\rb\r\n",
        "Host: a\r\nX: a\nY: b\r\n",
        "Host: a\nX: b\n",
        "Host: a\r\nX Y: b\r\n",
        "Host: a\r\nX(: b\r\n",
        "Host: a\r\nX:\r\n",
        "Host: a\r\nX: \u{e9}\r\n",
        "Host: a\r\n\u{e9}: x\r\n",
        "Host: a\r\nX: y\r\n z\r\n",
        "Host: a\r\nX:\r\n\tz\r\n",
        "Host: a\r\n z: y\r\n",
        "Host: a\r\nContent-Length: 0\r\n",
        "Host: a\r\nX: \x0b\r\n",
        "Host: a\r\nX: \x1b[0m\r\n",
    ] {
        all.push((format!("{lines:?}"), get("GET /b HTTP/1.1", lines)));
    }
    let many = |n: usize| (0..n).map(|i| format!("X-{i}: y\r\n")).collect::<String>();
    for n in [98, 99, 100, 101, 2_000] {
        all.push((format!("{n} and one headers"), get("GET / HTTP/1.1", &format!("Host: a\r\n{}", many(n)))));
    }
    for n in [60_000, 200_000] {
        let long = "x".repeat(n);
        all.push((format!("a header of {n}"), get("GET / HTTP/1.1", &format!("Host: a\r\nX: {long}\r\n"))));
        all.push((format!("a path of {n}"), get(&format!("GET /{long} HTTP/1.1"), "Host: a\r\n")));
    }
    all.push(("a TLS greeting".into(), b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03aaaa".to_vec()));
    all.push(("HTTP/2".into(), b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_vec()));
    all.push(("noise".into(), (0..4_096u32).map(|n| (n * 7_919 % 251) as u8).collect()));
    all.push(("half a head".into(), b"GET / HTTP/1.1\r\nHost: a\r\nX: ".to_vec()));
    all.push(("three at once".into(), right_requests()[..2].concat().repeat(3)));
    all.push(("line feeds only".into(), b"POST /a HTTP/1.1\nHost: a\nContent-Length: 5\n\nhello".to_vec()));
    all.push((
        "half of a line feed only".into(),
        b"POST /a HTTP/1.1\r\nHost: a\nContent-Length: 5\r\n\nhello".to_vec(),
    ));
    all
}
