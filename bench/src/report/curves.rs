//! The curves of growth, as an SVG.

use std::path::Path;

use plotters::prelude::*;

use crate::scenario::fanout::Fanout;
use crate::server::Kind;
use crate::suite::Results;

const SIZE: (u32, u32) = (1_600, 420);
const SERVERS: [(Kind, RGBColor); 3] = [
    (Kind::Limit, RGBColor(140, 140, 140)),
    (Kind::LimitCoalescing, RGBColor(200, 170, 90)),
    (Kind::Gateway, RGBColor(20, 90, 200)),
];
/// Largest number of subscribers or chats.
const LARGEST: f64 = 1e4;

type Figure = fn(&Fanout) -> f64;

/// Draws deliveries per CPU second and memory while subscribers and chats grow.
pub fn curves(results: &Results, file: &Path) -> anyhow::Result<()> {
    let root = SVGBackend::new(file, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let subscribers: Figure = |run| run.shape.subscribers as f64;
    let chats: Figure = |run| run.shape.chats as f64;
    let speed: Figure = |run| run.per_cpu_second_all / 1e3;
    let memory: Figure = |run| run.pss_octets as f64 / f64::from(1 << 20);
    let panels = [
        (
            "thousand deliveries per CPU s, by subscribers",
            &results.by_subscribers,
            subscribers,
            speed,
        ),
        (
            "thousand deliveries per CPU s, by chats",
            &results.by_chats,
            chats,
            speed,
        ),
        ("the same, at a pace", &results.by_chats_paced, chats, speed),
        (
            "memory in MiB, by subscribers",
            &results.by_subscribers,
            subscribers,
            memory,
        ),
    ];
    for (area, (title, runs, x, y)) in root.split_evenly((1, panels.len())).iter().zip(panels) {
        let top = runs.iter().map(y).fold(1.0, f64::max) * 1.1;
        let mut chart = ChartBuilder::on(area)
            .caption(title, ("sans-serif", 15))
            .margin(12)
            .x_label_area_size(32)
            .y_label_area_size(52)
            .build_cartesian_2d((1.0..LARGEST).log_scale(), 0.0..top)?;
        chart.configure_mesh().draw()?;
        for (server, colour) in SERVERS {
            let points = runs
                .iter()
                .filter(|run| run.server == server)
                .map(|run| (x(run), y(run)));
            chart
                .draw_series(LineSeries::new(points, colour.stroke_width(2)))?
                .label(server.to_string())
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], colour));
        }
        chart
            .configure_series_labels()
            .background_style(WHITE.mix(0.8))
            .border_style(BLACK)
            .draw()?;
    }
    root.present()?;
    Ok(())
}
