//! Tests with the crate `redis`: blocking and async, and with both versions of the protocol.

use redis::{AsyncCommands, Client, Commands, ConnectionLike, ExistenceCheck, RedisResult, SetOptions};

use crate::support::Served;

fn client(served: &Served, protocol: &str) -> Client {
    Client::open(format!("unix:{}?db=1&protocol={protocol}", served.socket.display())).unwrap()
}

#[test]
fn the_blocking_calls_of_the_crate_work() {
    for protocol in ["resp2", "resp3"] {
        let served = Served::new();
        let mut client = client(&served, protocol).get_connection().unwrap();
        assert!(client.check_connection());
        use_values(&mut client).unwrap();
        use_groups(&mut client).unwrap();
        use_scripts(&mut client);
        let walked: Vec<String> = client.scan_match("walked:*").unwrap().collect();
        assert!(walked.is_empty());
        for number in 0..200 {
            let (): () = client.set(format!("walked:{number}"), number).unwrap();
        }
        let walked: Vec<String> = client.scan_match("walked:*").unwrap().collect();
        assert_eq!(walked.len(), 200);
    }
}

fn use_values(client: &mut impl Commands) -> RedisResult<()> {
    assert_eq!(client.get::<_, Option<String>>("price")?, None);
    let (): () = client.set_ex("price", 100, 60)?;
    assert_eq!(client.get::<_, u64>("price")?, 100);
    assert!((1..=60).contains(&client.ttl::<_, i64>("price")?));
    assert_eq!(client.incr::<_, _, i64>("price", 5)?, 105);
    assert!(client.persist::<_, bool>("price")?);
    let if_absent = SetOptions::default().conditional_set(ExistenceCheck::NX);
    assert_eq!(client.set_options::<_, _, Option<String>>("price", 1, if_absent)?, None);
    assert_eq!(client.get_del::<_, u64>("price")?, 105);
    assert!(!client.exists::<_, bool>("price")?);
    assert_eq!(client.del::<_, u64>(&["price", "stock"])?, 0);
    Ok(())
}

fn use_groups(client: &mut impl ConnectionLike) -> RedisResult<()> {
    let mut pipe = redis::pipe();
    pipe.atomic().set("a", 1).ignore().incr("a", 4).cmd("MGET").arg("a").arg("b");
    let answer: (i64, (i64, Option<i64>)) = pipe.query(client)?;
    assert_eq!(answer, (5, (5, None)));
    // The crate runs `WATCH`, `MULTI` and `EXEC` in a loop.
    let doubled: (i64,) = redis::transaction(client, &["a"], |client, pipe| {
        let value: i64 = client.get("a")?;
        pipe.set("a", value * 2).ignore().get("a").query(client)
    })?;
    assert_eq!(doubled, (10,));
    Ok(())
}

fn use_scripts(client: &mut impl ConnectionLike) {
    // The crate sends the hash of the script first, and sends its text if the server does not know the hash.
    let script = redis::Script::new("return 1");
    let unknown: RedisResult<i64> = script.invoke(client);
    assert!(unknown.unwrap_err().to_string().contains("no Lua interpreter"));
}

#[test]
fn the_async_calls_of_the_crate_work_over_one_connection() {
    let served = Served::new();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for protocol in ["resp2", "resp3"] {
        let client = client(&served, protocol);
        runtime.block_on(async {
            let shared = client.get_multiplexed_async_connection().await.unwrap();
            let mut counters = Vec::new();
            for _ in 0..20 {
                let mut connection = shared.clone();
                counters.push(tokio::spawn(async move {
                    for _ in 0..50 {
                        let _: i64 = connection.incr("visits", 1).await.unwrap();
                    }
                }));
            }
            for counter in counters {
                counter.await.unwrap();
            }
            let mut connection = shared;
            assert_eq!(connection.get::<_, i64>("visits").await.unwrap(), 1000);
            assert!(connection.del::<_, bool>("visits").await.unwrap());
            assert_eq!(connection.get::<_, Option<i64>>("visits").await.unwrap(), None);
        });
    }
}
