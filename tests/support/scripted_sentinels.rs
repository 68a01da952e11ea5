//! Sentinels whose answers a test chooses.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicUsize, Ordering};

/// The answers of a Sentinel.
#[derive(Debug, Default)]
struct SentinelScript {
    id: usize,
    /// The port of the master that the Sentinel names. 0 if the Sentinel knows no master.
    master: AtomicU16,
    known: AtomicUsize,
    /// For each side of the clients, whether the Sentinel reads questions without answering them.
    is_silent: [AtomicBool; 2],
    is_ended: AtomicBool,
}

/// Three Sentinels. Each listens on two ports, so that it can be silent to one half of the clients.
pub(crate) struct ScriptedSentinels {
    scripts: Vec<Arc<SentinelScript>>,
    ports: [Vec<u16>; 2],
}

impl ScriptedSentinels {
    /// Starts three Sentinels that name the master at this port.
    pub(crate) fn start(master: u16) -> Self {
        let mut ports = [Vec::new(), Vec::new()];
        let scripts = (0..3).map(|id| {
            let script = SentinelScript { id, known: AtomicUsize::new(3), ..SentinelScript::default() };
            let script = Arc::new(script);
            for (side, ports) in ports.iter_mut().enumerate() {
                let listener = TcpListener::bind("127.0.0.1:0").unwrap();
                ports.push(listener.local_addr().unwrap().port());
                let of_thread = script.clone();
                std::thread::spawn(move || listen(&listener, &of_thread, side));
            }
            script
        });
        let sentinels = Self { scripts: scripts.collect(), ports };
        sentinels.name(0..3, master);
        sentinels
    }

    /// Returns the URL for the clients of one side. The URL ends with the options.
    pub(crate) fn url(&self, side: usize, options: &str) -> String {
        self.url_of(side, 0..3, options)
    }

    pub(crate) fn url_of(&self, side: usize, of: std::ops::Range<usize>, options: &str) -> String {
        let hosts: Vec<_> = self.ports[side][of].iter().map(|port| format!("127.0.0.1:{port}")).collect();
        format!("redis-sentinel://{}/mymaster/0?{options}", hosts.join(","))
    }

    /// Lets some Sentinels name the master at this port.
    pub(crate) fn name(&self, of: std::ops::Range<usize>, master: u16) {
        for script in &self.scripts[of] {
            script.master.store(master, Ordering::SeqCst);
        }
    }

    /// Lets some Sentinels be silent to one side, or answer it.
    pub(crate) fn silence(&self, of: std::ops::Range<usize>, side: usize, is_silent: bool) {
        for script in &self.scripts[of] {
            script.is_silent[side].store(is_silent, Ordering::SeqCst);
        }
    }
}

impl Drop for ScriptedSentinels {
    fn drop(&mut self) {
        for script in &self.scripts {
            script.is_ended.store(true, Ordering::SeqCst);
        }
        for port in self.ports.iter().flatten() {
            drop(TcpStream::connect(("127.0.0.1", *port)));
        }
    }
}

fn listen(listener: &TcpListener, script: &Arc<SentinelScript>, side: usize) {
    for client in listener.incoming() {
        if script.is_ended.load(Ordering::SeqCst) {
            return;
        }
        let (client, script) = (client.unwrap(), script.clone());
        std::thread::spawn(move || answer_all(client, &script, side));
    }
}

fn answer_all(mut client: TcpStream, script: &SentinelScript, side: usize) {
    let mut input = BufReader::new(client.try_clone().unwrap());
    while let Some(words) = read_words(&mut input) {
        if script.is_silent[side].load(Ordering::SeqCst) || script.is_ended.load(Ordering::SeqCst) {
            continue;
        }
        let master = script.master.load(Ordering::SeqCst).to_string();
        let answer = match words.get(1).map(String::as_str) {
            Some("GET-MASTER-ADDR-BY-NAME") if master == "0" => "*-1\r\n".to_owned(),
            Some("GET-MASTER-ADDR-BY-NAME") => {
                format!("*2\r\n$9\r\n127.0.0.1\r\n${}\r\n{master}\r\n", master.len())
            }
            Some("MYID") => format!("$40\r\n{:040}\r\n", script.id),
            Some("MASTER") if master == "0" => "-ERR No such master with that name\r\n".to_owned(),
            Some("MASTER") => {
                let others = script.known.load(Ordering::SeqCst) - 1;
                format!(
                    "*4\r\n$4\r\nname\r\n$8\r\nmymaster\r\n$19\r\nnum-other-sentinels\r\n$1\r\n{others}\r\n"
                )
            }
            _ => "-ERR unknown subcommand\r\n".to_owned(),
        };
        if client.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

/// Reads a request: an array of strings.
pub(crate) fn read_words(input: &mut impl BufRead) -> Option<Vec<String>> {
    let number = |input: &mut dyn BufRead| {
        let mut line = String::new();
        input.read_line(&mut line).ok()?;
        line.trim_end().get(1..)?.parse::<usize>().ok()
    };
    let count = number(input)?;
    (0..count)
        .map(|_| {
            let mut bytes = vec![0; number(input)? + 2];
            input.read_exact(&mut bytes).ok()?;
            bytes.truncate(bytes.len() - 2);
            Some(String::from_utf8_lossy(&bytes).into_owned())
        })
        .collect()
}
