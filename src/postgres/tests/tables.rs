//! The tables: who makes them, and who leaves them alone.

use super::*;

#[test]
fn many_nodes_make_the_tables_once() {
    let Some(base) = Base::new() else { return };
    std::thread::scope(|scope| {
        let nodes: Vec<_> = (0..6)
            .map(|n| {
                scope.spawn({
                    let base = &base;
                    move || base.node(&format!("n{n}"), None, 0)
                })
            })
            .collect();
        for node in nodes {
            node.join().unwrap();
        }
    });
    assert_eq!(base.sql("SELECT count(*) FROM weir.migration"), "6");
}

#[test]
fn tables_of_a_later_weir_are_left_alone() {
    let Some(base) = Base::new() else { return };
    drop(base.node("a", None, 0));
    base.sql("INSERT INTO weir.migration (version) VALUES (99)");
    let address = || Address::parse(&base.url()).unwrap();
    let refused = Postgres::open(address(), options("b", None, 0)).map(drop).unwrap_err();
    assert!(matches!(refused, PostgresError::Newer { found: 99, known: 6 }), "{refused}");
    let refused = Reader::open(address()).map(drop).unwrap_err();
    assert!(matches!(refused, PostgresError::Newer { .. }), "{refused}");
}

#[test]
fn who_reads_makes_nothing() {
    let Some(base) = Base::new() else { return };
    let refused = Reader::open(Address::parse(&base.url()).unwrap()).map(drop).unwrap_err();
    assert!(refused.to_string().contains("no weir ever kept its ledger here"), "{refused}");
    assert_eq!(base.sql("SELECT count(*) FROM pg_namespace WHERE nspname = 'weir'"), "0");
}

#[test]
fn a_server_that_refuses_is_told_from_one_that_is_away() {
    let Some(base) = Base::new() else { return };
    let nowhere = base.cluster.url("no_such_database");
    let refused =
        Postgres::open(Address::parse(&nowhere).unwrap(), options("a", None, 0)).map(drop).unwrap_err();
    assert!(
        matches!(&refused, PostgresError::Refused { why, .. } if why.contains("no_such_database")),
        "{refused}"
    );
}

/// A server with a certificate for `localhost`, and nothing without encryption.
#[test]
fn connections_are_encrypted_and_the_server_is_who_it_says() {
    let Some(cluster) = Cluster::make(&["password_encryption = 'scram-sha-256'"]) else { return };
    let certificate = cluster.lay("server.crt", include_bytes!("../../net/h1/tests/localhost.pem"));
    let key = cluster.lay("server.key", include_bytes!("../../net/h1/tests/localhost.key.pem"));
    cluster.psql("postgres", "CREATE ROLE teller LOGIN SUPERUSER PASSWORD 'hunter2'").unwrap();
    let settings = format!(
        "ssl = on\nssl_cert_file = '{}'\nssl_key_file = '{}'\n",
        certificate.display(),
        key.display()
    );
    let append = |name: &str, text: &str| {
        let path = cluster.data().join(name);
        let before = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, if name == "pg_hba.conf" { format!("{text}{before}") } else { before + text })
            .unwrap();
    };
    append("postgresql.conf", &settings);
    append("pg_hba.conf", "hostssl all teller all scram-sha-256\nhost all teller all reject\n");
    cluster.stop("INT");
    cluster.start();
    let open = |host: &str, query: &str| {
        let url = format!("postgres://teller:hunter2@{host}:{}/postgres?{query}", cluster.port);
        let node = Postgres::open(Address::parse(&url).unwrap(), options("a", None, 0))?;
        // One that cannot be reached is waited for; here it would not help.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(node.tend(NOW)).map(drop)
    };
    let root = certificate.display();
    open("localhost", &format!("sslmode=verify-full&sslrootcert={root}&channel_binding=require")).unwrap();
    open("localhost", "sslmode=require").unwrap();
    open("127.0.0.1", "").unwrap();
    for (host, query, why) in [
        ("127.0.0.1", format!("sslmode=verify-full&sslrootcert={root}"), "certificate"),
        ("localhost", "sslmode=verify-full".to_owned(), "certificate"),
        ("localhost", "sslmode=disable".to_owned(), "pg_hba.conf"),
    ] {
        let refused = open(host, &query).unwrap_err().to_string();
        assert!(refused.contains(why) && !refused.contains("hunter2"), "{query}: {refused}");
    }
}
