//! The programs as child processes, and a client or server made of an engine and a socket.

use std::{
    io::{self, BufRead, BufReader, ErrorKind, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, ChildStderr, Command, Stdio},
    sync::{Arc, OnceLock},
    thread,
    time::{Duration, Instant},
};

use amqp_proto::{
    Connection, ConnectionConfig, Event, Progress, ReceiverConfig, ReceiverId, SenderConfig, SenderId,
    SessionConfig, SessionId,
};
use bytes::{Buf as _, BytesMut};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject as _},
};

/// Only there so that what hangs ends: no test depends on speed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(300);

/// Returns an example, built once with the features of this test.
pub fn program(name: &str) -> PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let test = std::env::current_exe().unwrap();
        let target = test.ancestors().nth(3).unwrap();
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "--quiet", "--offline", "--examples", "--no-default-features", "--features"]);
        let features = [(cfg!(feature = "testing"), ",testing"), (cfg!(feature = "scram"), ",scram")];
        let features = features.iter().filter(|(on, _)| *on).map(|(_, name)| *name);
        cargo.arg(std::iter::once("std").chain(features).collect::<String>());
        cargo.current_dir(env!("CARGO_MANIFEST_DIR")).env("CARGO_TARGET_DIR", target);
        assert!(cargo.status().unwrap().success(), "the examples do not build");
        target.join("debug/examples")
    });
    folder.join(name)
}

/// What a program that has ended left behind.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Runs a program to its end.
pub(crate) fn run(name: &str, arguments: &[&str]) -> Ended {
    start(name, arguments).end()
}

/// Starts a program whose output is read when it has ended, so it must be small.
pub(crate) fn start(name: &str, arguments: &[&str]) -> Running {
    let mut command = Command::new(program(name));
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    Running(command.spawn().unwrap())
}

/// Runs a program with its output in a file, which it does not make.
pub(crate) fn run_into(file: &str, name: &str, arguments: &[&str]) -> Ended {
    let file = std::fs::File::options().write(true).open(file).unwrap();
    let mut command = Command::new(program(name));
    command.args(arguments).stdin(Stdio::null()).stdout(file).stderr(Stdio::piped());
    Running(command.spawn().unwrap()).end()
}

/// A program that is killed when this is dropped.
pub(crate) struct Running(Child);

impl Running {
    /// Closes the pipe that the program writes to.
    pub(crate) fn without_output(mut self) -> Self {
        self.0.stdout = None;
        self
    }

    /// Ends the program at once, as a signal does that it cannot catch.
    pub(crate) fn kill(&mut self) {
        self.0.kill().unwrap();
    }

    /// Returns the port that the program has printed that it listens on.
    pub(crate) fn port(&mut self) -> u16 {
        let mut line = String::new();
        BufReader::new(self.0.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let port = line.trim().rsplit(':').next().and_then(|port| port.parse().ok());
        port.unwrap_or_else(|| panic!("not a port: {line}"))
    }

    /// Takes the program's standard error, to be read while it runs.
    pub(crate) fn errors(&mut self) -> impl BufRead + use<> {
        BufReader::new(self.0.stderr.take().unwrap())
    }

    /// Reads what the program prints, after a pause, and waits for its end.
    pub(crate) fn end_of_slow_reader(mut self, pause: Duration) -> Ended {
        thread::sleep(pause);
        let mut out = String::new();
        self.0.stdout.take().unwrap().read_to_string(&mut out).unwrap();
        Ended { out, ..self.end() }
    }

    pub(crate) fn end(mut self) -> Ended {
        let deadline = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < deadline, "a program does not end");
            thread::sleep(Duration::from_millis(5));
        };
        let (mut out, mut err) = (String::new(), String::new());
        if let Some(mut pipe) = self.0.stdout.take() {
            pipe.read_to_string(&mut out).unwrap();
        }
        self.0.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        Ended { code: status.code(), out, err }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Mostly it has ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A broker on a port of its own.
pub(crate) struct Broker {
    child: Child,
    pub(crate) port: u16,
}

impl Broker {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Self::limited("true", arguments)
    }

    /// Starts a broker behind a command of the shell, such as `ulimit -n 64`.
    pub(crate) fn limited(limit: &str, arguments: &[&str]) -> Self {
        let mut broker = Self::unread(limit, arguments);
        drain(broker.child.stderr.take().unwrap());
        broker
    }

    /// As [`limited`](Self::limited); nobody reads what it reports.
    pub(crate) fn unread(limit: &str, arguments: &[&str]) -> Self {
        let mut child = Command::new("sh")
            .args(["-c", &format!("{limit} && exec \"$0\" \"$@\"")])
            .arg(program("broker"))
            .args(["--listen", "127.0.0.1:0"])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let port = line.trim().rsplit(':').next().and_then(|port| port.parse().ok());
        Self { port: port.unwrap_or_else(|| panic!("not a port: {line}")), child }
    }

    pub(crate) fn url(&self, address: &str) -> String {
        format!("amqp://127.0.0.1:{}/{address}", self.port)
    }

    pub(crate) fn connect(&self) -> TcpStream {
        TcpStream::connect(("127.0.0.1", self.port)).unwrap()
    }

    pub(crate) fn send(&self, address: &str, arguments: &[&str]) -> Ended {
        run("send", &[&[&*self.url(address)], arguments].concat())
    }

    pub(crate) fn receive(&self, address: &str, arguments: &[&str]) -> Ended {
        run("receive", &[&[&*self.url(address)], arguments].concat())
    }

    /// Returns the number of messages that are left in a queue, and takes them.
    pub(crate) fn left(&self, address: &str) -> u64 {
        let ended = self.receive(address, &["--drain", "--quiet"]);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        number(&ended.out, "received")
    }

    /// Returns what a broker reports that was started by [`unread`](Self::unread).
    pub(crate) fn report(&mut self) -> Report {
        Report(BufReader::new(self.child.stderr.take().unwrap()))
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    pub(crate) fn terminate(&self) {
        self.signal("-TERM");
    }

    fn signal(&self, signal: &str) {
        let kill = Command::new("kill").args([signal, &self.child.id().to_string()]).status();
        assert!(kill.unwrap().success());
    }

    /// Does something while the broker is halted: what clients write then is all there when it goes on. Returns `None` if
    /// the system does not tell that it is halted.
    pub(crate) fn halted<T>(&self, written: impl FnOnce() -> T) -> Option<T> {
        self.signal("-STOP");
        let deadline = Instant::now() + PATIENCE;
        while self.stat()?.first()? != "T" {
            assert!(Instant::now() < deadline, "the broker does not halt");
            thread::sleep(Duration::from_millis(1));
        }
        let done = written();
        self.signal("-CONT");
        Some(done)
    }

    /// Waits for the end, and returns the exit code.
    pub(crate) fn wait(&mut self) -> Option<i32> {
        let deadline = Instant::now() + PATIENCE;
        while self.is_running() {
            assert!(Instant::now() < deadline, "the broker does not end");
            thread::sleep(Duration::from_millis(5));
        }
        self.child.wait().unwrap().code()
    }

    /// Returns the processor time that the broker has used, in the system's ticks, mostly a hundredth of a second.
    pub(crate) fn ticks(&self) -> Option<u64> {
        let fields = self.stat()?;
        Some(fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?)
    }

    /// Returns what the system tells of the program, from its state on.
    fn stat(&self) -> Option<Vec<String>> {
        let stat = std::fs::read_to_string(Path::new("/proc").join(self.child.id().to_string()).join("stat"));
        // The fields count from behind the name, which may have spaces.
        Some(stat.ok()?.rsplit(')').next()?.split_whitespace().map(str::to_owned).collect())
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        // Mostly it is to be stopped; an error means that it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a broker reports.
pub(crate) struct Report(BufReader<ChildStderr>);

impl Report {
    /// Waits for a line that contains a text. Returns false if the broker ends without it.
    pub(crate) fn contains(self, text: &str) -> bool {
        self.0.lines().any(|line| line.unwrap().contains(text))
    }
}

/// Reads what the broker reports, so that it never waits for that.
fn drain(mut err: ChildStderr) {
    thread::spawn(move || io::copy(&mut err, &mut io::sink()));
}

/// Returns the number behind a word, as in `sent 3 accepted 2`.
pub(crate) fn number(line: &str, word: &str) -> u64 {
    let mut words = line.split_whitespace().skip_while(|other| *other != word).skip(1);
    words.next().and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("no `{word}` in {line:?}"))
}

/// Waits until something is so.
pub(crate) fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "not {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Reads until the peer ends the transport; returns what came.
pub(crate) fn read_to_end(socket: &mut TcpStream) -> Vec<u8> {
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let (mut all, mut block) = (Vec::new(), [0; 4096]);
    loop {
        match socket.read(&mut block) {
            Ok(0) => return all,
            Ok(count) => all.extend_from_slice(&block[..count]),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return all,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => panic!("the peer does not end the transport: {error}"),
        }
    }
}

/// One end of a connection: an engine and its socket.
pub(crate) struct End {
    pub(crate) connection: Connection,
    pub(crate) socket: TcpStream,
    tls: Option<Box<ClientConnection>>,
    input: BytesMut,
    start: Instant,
    over: bool,
}

impl End {
    pub(crate) fn new(socket: TcpStream, config: ConnectionConfig) -> Self {
        socket.set_nodelay(true).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
        let connection = Connection::new(config);
        Self { connection, socket, tls: None, input: BytesMut::new(), start: Instant::now(), over: false }
    }

    /// Connects a client over TLS, which trusts a file. Returns the data of its channel binding too.
    pub(crate) fn over_tls(broker: &Broker, ca: &str, config: ConnectionConfig) -> (Self, Vec<u8>) {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(ca).unwrap()).unwrap();
        let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let mut tls = ClientConnection::new(Arc::new(tls), "127.0.0.1".try_into().unwrap()).unwrap();
        let mut socket = broker.connect();
        tls.complete_io(&mut socket).unwrap();
        let exported = tls.export_keying_material([0; 32], b"EXPORTER-Channel-Binding", None).unwrap();
        let mut end = Self::new(socket, config);
        end.tls = Some(Box::new(tls));
        (end, exported.to_vec())
    }

    /// Connects a client to a broker, with a session.
    pub(crate) fn client(broker: &Broker) -> (Self, SessionId) {
        let mut end = Self::new(broker.connect(), ConnectionConfig::client("test"));
        end.connection.open().unwrap();
        let session = end.connection.begin(SessionConfig::new()).unwrap();
        (end, session)
    }

    /// Accepts a client of a program that was started with this listener's port.
    pub(crate) fn server(listener: &TcpListener) -> Self {
        let config = ConnectionConfig::server("test").auto_accept_sessions(true);
        Self::new(listener.accept().unwrap().0, config.sasl(amqp_proto::sasl::Mechanism::anonymous_server()))
    }

    pub(crate) fn now(&self) -> amqp_proto::Instant {
        amqp_proto::Instant::from_millis(self.start.elapsed().as_millis() as u64)
    }

    /// Writes all output.
    pub(crate) fn flush(&mut self) {
        let now = self.now();
        loop {
            let mut out = self.connection.poll_transmit(now);
            if !out.has_remaining() {
                return;
            }
            let written = match &mut self.tls {
                Some(tls) => rustls::Stream::new(&mut **tls, &mut self.socket).write(out.chunk()),
                None => self.socket.write(out.chunk()),
            };
            match written {
                Ok(written) => out.advance(written),
                Err(_) => self.connection.output_lost(now),
            }
        }
    }

    /// Appends all output to `wire`, which has to be written before anything else.
    pub(crate) fn write_to(&mut self, wire: &mut Vec<u8>) {
        let mut out = self.connection.poll_transmit(self.now());
        while out.has_remaining() {
            wire.extend_from_slice(out.chunk());
            out.advance(out.chunk().len());
        }
    }

    /// Moves bytes until there is an event; `None` if the connection is over.
    pub(crate) fn event(&mut self) -> Option<Event> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            self.flush();
            if let Some(event) = self.connection.poll_event() {
                return Some(event);
            }
            if self.over || self.connection.is_closed() {
                return None;
            }
            assert!(Instant::now() < deadline, "no event");
            self.read();
        }
    }

    pub(crate) fn read(&mut self) {
        let mut block = [0; 4096];
        let read = match &mut self.tls {
            Some(tls) => rustls::Stream::new(&mut **tls, &mut self.socket).read(&mut block),
            None => self.socket.read(&mut block),
        };
        match read {
            Ok(count) if count > 0 => self.input.extend_from_slice(&block[..count]),
            // A machine that is halted for a while interrupts calls.
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
                ) => {}
            _ => {
                self.connection.handle_eof(self.now());
                self.over = true;
            }
        }
        let now = self.now();
        self.connection.handle_timeout(now);
        if self.connection.handle_input(now, &mut self.input) == Progress::Closed {
            self.input.clear();
        }
    }

    /// Moves bytes until there is an event that is looked for, and returns what was made of it.
    pub(crate) fn until<T>(&mut self, mut wanted: impl FnMut(&Event) -> Option<T>) -> T {
        let mut seen = Vec::new();
        while let Some(event) = self.event() {
            if let Some(found) = wanted(&event) {
                return found;
            }
            seen.push(event.name());
        }
        panic!("the connection is over after {seen:?}")
    }

    /// Moves bytes until all has been written and the peer has answered it: it has seen whatever was sent before.
    pub(crate) fn round_trip(&mut self) {
        let session = self.connection.begin(SessionConfig::new()).unwrap();
        self.until(|event| {
            matches!(event, Event::SessionOpen { session: id } if *id == session).then_some(())
        });
    }

    pub(crate) fn sender(&mut self, session: SessionId, config: SenderConfig) -> SenderId {
        let sender = self.connection.session(session).unwrap().attach_sender(config).unwrap();
        self.until(|event| matches!(event, Event::SenderReady { sender: id } if *id == sender).then_some(()));
        sender
    }

    pub(crate) fn receiver(&mut self, session: SessionId, config: ReceiverConfig) -> ReceiverId {
        let receiver = self.connection.session(session).unwrap().attach_receiver(config).unwrap();
        self.until(|event| {
            matches!(event, Event::ReceiverOpen { receiver: id } if *id == receiver).then_some(())
        });
        receiver
    }
}

/// Runs an end until its connection is over.
pub fn finish(mut end: End) {
    while end.event().is_some() {}
}
