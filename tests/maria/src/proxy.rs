//! A proxy in front of MariaDB that reads the commands of a connection and strikes one of them.
//!
//! A packet is a length of three bytes, a number, and its content; a command is numbered 0, its first byte says which
//! (MySQL, "Client/Server Protocol"). What answers say is passed on unread.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;

use cvm_aws::system::SystemClock;
use cvm_shared::ports::Clock as _;
use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedReadHalf;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::sync::Mutex as AsyncMutex;

/// What happens to a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strike {
    /// The connection is cut; the server never hears of it.
    CutBefore,
    /// The server carries it out, and the connection is cut before its answer arrives.
    CutAfter,
    /// The server never hears of it, and this error is the answer.
    Answer(u16),
    /// The server never hears of it, and nothing is answered until the client is gone.
    StallBefore,
    /// The server carries it out, and nothing is answered until the client is gone.
    StallAfter,
    /// The server never hears of it, nor of anything else: not even that the client is gone, as after a power cut.
    Vanish,
}

/// A command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Which {
    /// The one with this number, counted from zero since the plan was made.
    Number(usize),
    /// The first with this text, and no more.
    Text(&'static str),
}

/// What the proxy does, and what it has done.
#[derive(Debug, Default)]
struct Plan {
    /// The command that is struck, and how.
    at: Option<(Which, Strike)>,
    commands: Vec<String>,
    struck: Option<String>,
    /// Statements that begin so are answered OK and not passed on.
    ignored: Option<&'static str>,
}

/// A proxy.
#[derive(Clone, Debug)]
pub struct Proxy {
    port: u16,
    plan: Arc<Mutex<Plan>>,
}

impl Proxy {
    /// A proxy in front of the server at this port. It ends with the runtime of its test.
    pub async fn before(server: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let plan = Arc::<Mutex<Plan>>::default();
        let shared = plan.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(serve(client, server, shared.clone()));
            }
        });
        Self { port, plan }
    }

    /// A URL by way of the proxy.
    pub fn url(&self, user: &str, name: &str) -> String {
        format!("mysql://{user}@127.0.0.1:{}/{name}", self.port)
    }

    /// Strikes the command with this number, counted from now on.
    pub fn strike(&self, number: usize, strike: Strike) {
        self.aim(Which::Number(number), strike);
    }

    /// Strikes the first command from now on that is this text: a new connection's "READ COMMITTED" is no COMMIT.
    pub fn strike_first(&self, text: &'static str, strike: Strike) {
        self.aim(Which::Text(text), strike);
    }

    fn aim(&self, which: Which, strike: Strike) {
        let mut plan = self.plan.lock().unwrap();
        plan.at = Some((which, strike));
        plan.commands.clear();
        plan.struck = None;
    }

    /// Waits until the command was struck.
    pub async fn struck(&self) {
        while self.plan.lock().unwrap().struck.is_none() {
            SystemClock.sleep(Duration::from_millis(5)).await;
        }
    }

    /// Strikes nothing any more. Which command was struck, if one was.
    pub fn calm(&self) -> Option<String> {
        let mut plan = self.plan.lock().unwrap();
        plan.at.take()?;
        plan.struck.take()
    }

    /// Answers OK to statements that begin so and does not pass them on, as a pooling proxy may.
    pub fn ignore(&self, beginning: &'static str) {
        self.plan.lock().unwrap().ignored = Some(beginning);
    }
}

/// What a command meets.
enum Met {
    Nothing,
    Ok,
    Struck(Strike),
}

impl Plan {
    fn meet(&mut self, content: &[u8]) -> Met {
        let text = named(content);
        if self
            .ignored
            .is_some_and(|beginning| text.contains(beginning))
        {
            return Met::Ok;
        }
        let number = self.commands.len();
        self.commands.push(text.clone());
        let is_meant = |which| match which {
            Which::Number(at) => at == number,
            Which::Text(wanted) => text == wanted,
        };
        match self.at {
            Some((which, strike)) if self.struck.is_none() && is_meant(which) => {
                self.struck = Some(text);
                Met::Struck(strike)
            }
            Some(_) | None => Met::Nothing,
        }
    }
}

const CLOSE: u8 = 0x19;

/// The command in words.
fn named(content: &[u8]) -> String {
    let (code, rest) = content.split_first().unwrap();
    let text = String::from_utf8_lossy(rest);
    match code {
        0x01 => "quit".to_owned(),
        0x03 => text.into_owned(),
        0x0e => "ping".to_owned(),
        0x16 => format!("prepare {text}"),
        0x17 => "execute".to_owned(),
        _ => format!("command {code}"),
    }
}

/// One connection, until one of the two ends it or it is cut.
async fn serve(client: TcpStream, server: u16, plan: Arc<Mutex<Plan>>) {
    let server = TcpStream::connect((Ipv4Addr::LOCALHOST, server)).await;
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.unwrap().into_split();
    let to_client = Arc::new(AsyncMutex::new(to_client));
    let doomed = AtomicBool::new(false);
    tokio::select! {
        _ = commands(from_client, to_server, &to_client, &plan, &doomed) => {}
        _ = answers(from_server, &to_client, &doomed) => {}
    }
}

/// Passes commands on; ends where the connection is cut.
async fn commands(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    back: &AsyncMutex<OwnedWriteHalf>,
    plan: &Mutex<Plan>,
    doomed: &AtomicBool,
) -> std::io::Result<()> {
    loop {
        let packet = packet(&mut from).await?;
        let (number, content) = (packet[3], &packet[4..]);
        let is_command = number == 0 && content.first().is_some_and(|code| *code != CLOSE);
        let met = if is_command {
            plan.lock().unwrap().meet(content)
        } else {
            Met::Nothing
        };
        match met {
            Met::Nothing => to.write_all(&packet).await?,
            Met::Ok => back.lock().await.write_all(&answer(&OK)).await?,
            Met::Struck(Strike::CutBefore) => return Ok(()),
            Met::Struck(Strike::CutAfter) => {
                doomed.store(true, Ordering::SeqCst);
                to.write_all(&packet).await?;
            }
            Met::Struck(Strike::Vanish) => std::future::pending().await,
            Met::Struck(Strike::StallBefore) => return gone(&mut from).await,
            Met::Struck(Strike::StallAfter) => {
                // Nobody passes an answer on any more.
                let _held = back.lock().await;
                to.write_all(&packet).await?;
                return gone(&mut from).await;
            }
            Met::Struck(Strike::Answer(code)) => {
                let error = answer(&error(code));
                back.lock().await.write_all(&error).await?;
            }
        }
    }
}

/// Until the client has ended the connection.
async fn gone(from: &mut OwnedReadHalf) -> std::io::Result<()> {
    while from.read(&mut [0; 1024]).await? > 0 {}
    Ok(())
}

/// Passes answers on; ends at the one that must not arrive.
async fn answers(
    mut from: OwnedReadHalf,
    to: &AsyncMutex<OwnedWriteHalf>,
    doomed: &AtomicBool,
) -> std::io::Result<()> {
    let mut bytes = vec![0; 16 * 1024];
    loop {
        let read = from.read(&mut bytes).await?;
        if read == 0 || doomed.load(Ordering::SeqCst) {
            return Ok(());
        }
        to.lock().await.write_all(&bytes[..read]).await?;
    }
}

async fn packet(from: &mut OwnedReadHalf) -> std::io::Result<Vec<u8>> {
    let mut packet = vec![0; 4];
    from.read_exact(&mut packet).await?;
    let length = u32::from_le_bytes([packet[0], packet[1], packet[2], 0]);
    packet.resize(4 + usize::try_from(length).unwrap(), 0);
    from.read_exact(&mut packet[4..]).await?;
    Ok(packet)
}

/// No rows, no id, autocommit, no warnings.
const OK: [u8; 7] = [0, 0, 0, 2, 0, 0, 0];

fn error(code: u16) -> Vec<u8> {
    let [low, high] = code.to_le_bytes();
    let mut content = vec![0xff, low, high];
    content.extend(b"#HY000struck by the proxy");
    content
}

/// The packet that answers a command.
fn answer(content: &[u8]) -> Vec<u8> {
    let length = u8::try_from(content.len()).unwrap();
    let mut packet = vec![length, 0, 0, 1];
    packet.extend(content);
    packet
}
