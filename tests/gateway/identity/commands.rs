//! `weir keys`.

use super::{ADMIN, House};
use crate::net::{Conn, request};
use crate::process::{BINARY, Process, Setup};
use serde_json::Value;
use std::process::Output;

fn out(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    said
}

fn json(output: &Output) -> Value {
    serde_json::from_str(&out(output)).unwrap()
}

#[test]
fn a_running_weir_is_told_over_http() {
    let house = House::new("");
    let address = house.weir.address.to_string();
    let run = |arguments: &[&str]| house.setup.run(&[&["keys", "--listen", &address], arguments].concat());
    let made = run(&["create", "team", "--name", "laptop", "--user", "zoe", "--days", "7"]);
    // The secret alone, so that a script can take it.
    let secret = out(&made);
    assert!(secret.starts_with("wk_") && !secret.contains(char::is_whitespace));
    assert!(String::from_utf8_lossy(&made.stderr).contains("once"));
    assert_eq!(house.opens(&secret), "team");
    let key = json(&run(&["list", "--json"]));
    let id = key["id"].as_str().unwrap().to_owned();
    assert_eq!((&key["user"], &key["status"]), (&"zoe".into(), &"active".into()));
    assert!(out(&run(&["list", "--account", "nobody"])).is_empty());
    assert!(out(&run(&["list", "--account", "team"])).contains(&id));

    let next = json(&run(&["rotate", &id, "--overlap", "0", "--json"]))["key"].as_str().unwrap().to_owned();
    assert_eq!([house.opens(&secret), house.opens(&next)], ["401 invalid_api_key", "team"]);
    assert!(out(&run(&["disable", &id])).contains("disabled"));
    assert_eq!(house.opens(&next), "401 invalid_api_key");
    assert!(out(&run(&["enable", &id])).contains("active"));
    assert_eq!(house.opens(&next), "team");
    assert!(out(&run(&["delete", &id])).contains(&id));
    assert_eq!(house.opens(&next), "local", "the last key is gone, and the door is open again");

    for (arguments, says) in [
        (vec!["delete", &*id], "no key with this id"),
        (vec!["disable", "../ping"], "no key's id"),
        (vec!["create", "a b"], "account"),
        (vec!["rotate", "key_x", "--overlap", "99999999"], "no key with this id"),
    ] {
        let failed = run(&arguments);
        assert_eq!(failed.status.code(), Some(2), "{arguments:?}");
        let said = String::from_utf8_lossy(&failed.stderr).into_owned();
        assert!(said.contains(says), "{said}");
    }
    house.never_says(&[&secret, &next, ADMIN]);
}

#[test]
fn who_is_not_the_operator_is_refused() {
    let house = House::new("");
    let stranger = Setup::new().variable("WEIR_ADMIN_KEY", "a guess");
    let address = house.weir.address.to_string();
    for setup in [stranger, Setup::new()] {
        let refused = setup.run(&["keys", "create", "team", "--listen", &address]);
        assert_eq!(refused.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&refused.stderr).contains("operator"));
    }
    house.weir.get("/api/credits").is(200);
}

/// The first key of a node that is to listen to others: made before it starts, by whoever has its file.
#[test]
fn where_none_runs_keys_are_made_in_the_file() {
    let setup = Setup::new();
    let data = setup.data();
    let data = data.to_str().unwrap();
    let serve = ["serve", "--listen", "0.0.0.0:0", "--data", data];
    let refused = setup.run(&serve);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("weir keys create"));
    let free = "127.0.0.1:1";
    let secret = out(&setup.run(&["keys", "create", "team", "--listen", free, "--data", data]));
    let listed = json(&setup.run(&["keys", "list", "--json", "--listen", free, "--data", data]));
    assert_eq!(listed["account"], "team");
    let mut command = std::process::Command::new(BINARY);
    command.env_clear().current_dir(&setup.dir.0).args(serve);
    let mut process = Process::start(command);
    let address = process.address("weir listens on http://");
    let ask =
        |headers: &[(&str, &str)]| Conn::open(address).ask(&request("GET", "/api/credits", headers, b""));
    assert_eq!(ask(&[("x-api-key", &secret)]).is(200).json()["account"], "team");
    ask(&[]).is(401);
}
