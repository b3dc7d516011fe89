//! `gateway sessions …`: asks the gateway beside this process for its sessions.

use std::io::Write;
use std::time::Duration;

use anyhow::Context;
use clap::{Args, Subcommand};
use form_urlencoded::Serializer;
use ipnet::IpNet;
use shared::admin::ask::{self, Answer, Patience};
use shared::config::AdminConfig;
use shared::id::{ChatId, UserId};
use uuid::Uuid;

use crate::admin::ROWS_DEFAULT;
use crate::roster::{ROWS_MAX, SessionPage, SessionRow, network};

/// A page of sessions with as many subscriptions as they may have by default is a tenth of this.
const PATIENCE: Patience = Patience {
    step_max: Duration::from_secs(10),
    answer_octets_max: 16 << 20,
};

/// Chats of a session that the table names; `show` names all.
const CHATS_SHOWN_MAX: usize = 5;

/// Look up the sessions of the gateway beside this process, or end one. It is found by the same --admin-listen.
#[derive(Debug, Clone, Subcommand)]
pub enum SessionsAction {
    /// List sessions, a page at a time; those that match everything given.
    List(ListConfig),
    /// Show one session.
    Show {
        #[command(flatten)]
        admin: AdminConfig,
        /// As in CONNECTED, in log lines and in the list.
        id: Uuid,
    },
    /// End one session: what its client has sent is answered, then it is closed with the code 4005.
    Disconnect {
        #[command(flatten)]
        admin: AdminConfig,
        /// As in CONNECTED, in log lines and in the list.
        id: Uuid,
    },
}

/// Which sessions are listed, and how.
#[derive(Debug, Clone, Args)]
pub struct ListConfig {
    #[command(flatten)]
    admin: AdminConfig,
    /// Sessions of this user.
    #[arg(long)]
    user: Option<UserId>,
    /// Sessions that subscribed to this chat.
    #[arg(long)]
    chat: Option<ChatId>,
    /// Sessions from this address, or network like 10.0.0.0/8.
    #[arg(long, value_parser = network)]
    address: Option<IpNet>,
    /// At most so many, 1000 at most.
    #[arg(long, default_value_t = ROWS_DEFAULT, value_parser = limit)]
    limit: usize,
    /// From behind this one on: the last id of the page before.
    #[arg(long)]
    after: Option<Uuid>,
    /// As the gateway answered.
    #[arg(long)]
    json: bool,
}

fn limit(text: &str) -> Result<usize, String> {
    let limit = text.parse().ok();
    limit
        .filter(|limit| (1..=ROWS_MAX).contains(limit))
        .ok_or_else(|| format!("must be from 1 to {ROWS_MAX}"))
}

/// Carries out one action and writes what it came to.
///
/// # Errors
/// The gateway cannot be asked, or there is no such session.
pub fn run(action: &SessionsAction, out: &mut impl Write) -> anyhow::Result<()> {
    match action {
        SessionsAction::List(config) => {
            let path = format!("/sessions?{}", config.query());
            let answer = request(&config.admin, "GET", &path)?;
            if config.json {
                writeln!(out, "{}", answer.body)?;
            } else {
                table(&read(&answer)?, out)?;
            }
        }
        SessionsAction::Show { admin, id } => {
            let answer = request(admin, "GET", &path(*id))?;
            let row: SessionRow = read(&answer)?;
            serde_json::to_writer_pretty(&mut *out, &row)?;
            writeln!(out)?;
        }
        SessionsAction::Disconnect { admin, id } => {
            request(admin, "DELETE", &path(*id))?;
            writeln!(out, "session {} is being closed", id.simple())?;
        }
    }
    Ok(())
}

impl ListConfig {
    fn query(&self) -> String {
        let mut query = Serializer::new(String::new());
        query.append_pair("limit", &self.limit.to_string());
        let given = [
            ("user", self.user.map(|user| user.to_string())),
            ("chat", self.chat.map(|chat| chat.to_string())),
            ("address", self.address.map(|net| net.to_string())),
            ("after", self.after.map(|id| id.to_string())),
        ];
        for (name, value) in given {
            if let Some(value) = value {
                query.append_pair(name, &value);
            }
        }
        query.finish()
    }
}

fn path(id: Uuid) -> String {
    format!("/sessions/{}", id.simple())
}

fn request(admin: &AdminConfig, method: &str, path: &str) -> anyhow::Result<Answer> {
    let address = ask::address(admin.admin_listen)?;
    let answer = ask::ask(address, method, path, PATIENCE)
        .with_context(|| format!("no gateway answers at {address}"))?;
    anyhow::ensure!(
        (200..300).contains(&answer.status),
        "{}",
        answer.body.trim_end()
    );
    Ok(answer)
}

fn read<T: serde::de::DeserializeOwned>(answer: &Answer) -> anyhow::Result<T> {
    serde_json::from_str(&answer.body).context("the gateway's answer cannot be read")
}

fn table(page: &SessionPage, out: &mut impl Write) -> std::io::Result<()> {
    writeln!(
        out,
        "{:<32}  {:>10}  {:<15}  {:<16}  {:<27}  {:>9}  CHATS",
        "ID", "USER", "ADDRESS", "TRANSPORT", "SINCE", "QUEUED"
    )?;
    for row in &page.rows {
        let user = row.user.map_or("-".to_owned(), |user| user.to_string());
        writeln!(
            out,
            "{:<32}  {user:>10}  {:<15}  {:<16}  {:<27}  {:>9}  {}",
            row.id,
            row.address.to_string(),
            row.transport,
            row.since,
            row.outbound_octets,
            chats(row)
        )?;
    }
    if let Some(next) = &page.next {
        writeln!(out, "more: --after {next}")?;
    }
    Ok(())
}

fn chats(row: &SessionRow) -> String {
    let shown = row.chats.iter().take(CHATS_SHOWN_MAX);
    let mut text: Vec<String> = shown.map(ToString::to_string).collect();
    if let Some(more @ 1..) = row.chats.len().checked_sub(CHATS_SHOWN_MAX) {
        text.push(format!("and {more} more"));
    }
    text.join(" ")
}
