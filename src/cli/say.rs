//! `weir say` and `weir voices`.

use super::client::Server;
use super::{Common, Done, Failure, Place, say};
use crate::node::block_on;
use clap::Args;
use futures::StreamExt;
use serde_json::{Value, json};
use std::fs::File;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

#[derive(Args)]
pub struct Say {
    /// What to say; `-` reads it from standard input
    text: String,
    /// A voice that `weir voices` lists, or PROVIDER/VOICE
    #[arg(long, short)]
    voice: Option<String>,
    /// A model (`provider/model`) or a policy (`auto`, `auto:cheap`, `auto:fast`, `auto:best`)
    #[arg(long, short, default_value = "auto")]
    model: String,
    /// mp3, opus, aac, flac, wav, pcm, mulaw or alaw [default: what the file's name ends with, else mp3]
    #[arg(long, short)]
    format: Option<String>,
    /// Samples a second
    #[arg(long)]
    rate: Option<u32>,
    /// How fast, 1 is usual
    #[arg(long)]
    speed: Option<f64>,
    /// The language of the text, like en or pt-BR
    #[arg(long)]
    language: Option<String>,
    /// Where the sound goes [default: standard output, where that is no terminal]
    #[arg(long, short)]
    output: Option<PathBuf>,
    #[command(flatten)]
    place: Place,
}

#[derive(Args)]
pub struct Voices {
    #[command(flatten)]
    place: Place,
}

impl Say {
    pub fn run(self, common: &Common) -> Done {
        let to_terminal = self.output.is_none() && std::io::stdout().is_terminal();
        if to_terminal || (common.json && self.output.is_none()) {
            return Err(Failure::Cannot(
                "a terminal cannot be heard: name a file with -o, or pipe it".into(),
            ));
        }
        let server = Server::find(common, &self.place)?;
        block_on(self.say(&server, common.json))?
    }

    async fn say(&self, server: &Server, json: bool) -> Done {
        let text = match self.text.as_str() {
            "-" => std::io::read_to_string(std::io::stdin())?,
            text => text.to_owned(),
        };
        let format = self.format.as_deref().or_else(|| ending(self.output.as_deref()?)).unwrap_or("mp3");
        let mut body = json!({"text": text, "model": self.model, "format": format});
        let options = [
            ("voice", self.voice.as_deref().map(Value::from)),
            ("rate", self.rate.map(Value::from)),
            ("speed", self.speed.map(Value::from)),
            ("language", self.language.as_deref().map(Value::from)),
        ];
        for (name, value) in options {
            if let Some(value) = value {
                body[name] = value;
            }
        }
        let mut answer = server.post("/api/voice/tts", &body, &[]).await?;
        if answer.status != 200 {
            return answer.json().await.map(drop);
        }
        let id = answer.headers.get("x-request-id").and_then(|v| v.to_str().ok()).map(str::to_owned);
        let mut out: Box<dyn Write> = match &self.output {
            Some(path) => {
                Box::new(File::create(path).map_err(|e| Failure::Cannot(format!("{}: {e}", path.display())))?)
            }
            None => Box::new(std::io::stdout()),
        };
        let progress = !json && std::io::stderr().is_terminal();
        let mut size = 0_u64;
        while let Some(chunk) = answer.body.next().await {
            let chunk = chunk
                .map_err(|fault| Failure::Cannot(format!("the sound broke off: {}", fault.message())))?;
            out.write_all(&chunk)?;
            size += chunk.len() as u64;
            if progress {
                eprint!("\r{} KiB ", size >> 10);
            }
        }
        out.flush()?;
        let (cost, who) = settled(server, id.as_deref().unwrap_or_default()).await?;
        if json {
            say(
                json!({ "request_id": id, "said_by": who, "cost_usd": cost, "format": format, "bytes": size }),
            );
            return Ok(());
        }
        if progress {
            eprint!("\r");
        }
        eprintln!("— {} · {} KiB of {format} · {cost} USD", who.join(", then "), size.div_ceil(1_024));
        Ok(())
    }
}

/// What a request came to, and who was heard: by the books, as more than one may have spoken.
async fn settled(server: &Server, id: &str) -> Result<(String, Vec<String>), Failure> {
    let told = server.get(&format!("/api/billing/usage/{id}")).await?.json().await?;
    let ended = told["entries"].as_array().into_iter().flatten().find(|entry| entry["kind"] == "settle");
    let Some(ended) = ended else { return Ok(("0".into(), vec![])) };
    let cost = ended["amount_usd"].as_str().map_or_else(|| ended["amount_usd"].to_string(), str::to_owned);
    let line = |line: &Value| {
        let part = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
        let (who, outcome) = (format!("{}/{}", part("provider"), part("model")), part("outcome"));
        if outcome == "ok" { who } else { format!("{who} ({outcome})") }
    };
    let lines = ended["detail"]["lines"].as_array();
    Ok((cost, lines.into_iter().flatten().map(line).collect()))
}

/// The format that a file's name promises.
fn ending(path: &Path) -> Option<&str> {
    match path.extension()?.to_str()? {
        "ogg" => Some("opus"),
        known @ ("mp3" | "opus" | "aac" | "flac" | "wav" | "pcm") => Some(known),
        _ => None,
    }
}

impl Voices {
    pub fn run(self, common: &Common) -> Done {
        let server = Server::find(common, &self.place)?;
        let told = block_on(async { server.get("/api/voice/voices").await?.json().await })??;
        if common.json {
            say(&told);
            return Ok(());
        }
        for voice in told["voices"].as_array().into_iter().flatten() {
            let text = |name: &str| voice[name].as_str().unwrap_or_default();
            let traits: Vec<&str> = ["gender", "pace", "style", "language"]
                .map(text)
                .into_iter()
                .filter(|t| !t.is_empty())
                .collect();
            let default = if voice["default"] == true { " (default)" } else { "" };
            say(format_args!("{}{default}: {}", text("name"), traits.join(", ")));
            for place in voice["at"].as_array().into_iter().flatten() {
                let part = |name: &str| place[name].as_str().unwrap_or_default().to_owned();
                let own = Some(part("voice"))
                    .filter(|own| !own.is_empty())
                    .unwrap_or_else(|| "its one voice".into());
                say(format_args!("  {}/{}: {own}", part("provider"), part("model")));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::ending;
    use std::path::Path;

    #[test]
    fn a_files_name_says_what_is_in_it() {
        for (name, format) in
            [("a.wav", Some("wav")), ("a.b.ogg", Some("opus")), ("a", None), ("a.txt", None)]
        {
            assert_eq!(ending(Path::new(name)), format);
        }
    }
}
