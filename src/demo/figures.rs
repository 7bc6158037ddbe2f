//! The content of the demo boards: figures of a geometry lesson, in strokes, shapes and texts.
//! Called by `demo` once. Never random: the same drawing each time.

use std::f64::consts::{PI, TAU};

use serde_json::{Value, json};

const INK: &str = "#1f2937";
const RED: &str = "#dc2626";
const BLUE: &str = "#2563eb";
const GREEN: &str = "#16a34a";

type PagePoint = (f64, f64);

/// The class board: Pythagoras, the circle, and exercises.
pub fn lesson() -> Value {
    board(&[pythagoras(), circle(), exercises()])
}

/// The tutor's own board: a parabola, and how the lesson goes.
pub fn plan() -> Value {
    board(&[parabola(), schedule()])
}

fn board(pages: &[Value]) -> Value {
    json!({
        "pages": pages,
        "activePageId": "page-1",
        "currentPageIndex": 0,
        "zoom": 1,
        "pan": {"x": 0, "y": 0},
        "meta": {"subject": "geometry", "language": "uk"},
    })
}

/// One page while it is drawn; ids count up, so that items of one page never share one.
struct DemoPage {
    number: u32,
    name: &'static str,
    background: &'static str,
    strokes: Vec<Value>,
    shapes: Vec<Value>,
    texts: Vec<Value>,
}

impl DemoPage {
    fn new(number: u32, name: &'static str, background: &'static str) -> Self {
        Self { number, name, background, strokes: Vec::new(), shapes: Vec::new(), texts: Vec::new() }
    }

    /// A line drawn by hand through `corners`.
    fn draw(mut self, color: &str, size: u32, corners: &[PagePoint]) -> Self {
        let points: Vec<Value> = corners
            .windows(2)
            .flat_map(|ends| by_hand(ends[0], ends[1]))
            .chain(corners.last().copied())
            .map(|(x, y)| json!({"x": tenths(x), "y": tenths(y)}))
            .collect();
        let id = format!("stroke-{}-{}", self.number, self.strokes.len() + 1);
        self.strokes
            .push(json!({"id": id, "tool": "pen", "color": color, "size": size, "opacity": 1, "points": points}));
        self
    }

    /// A curve through every point given.
    fn trace(mut self, tool: &str, color: &str, size: u32, curve: impl Iterator<Item = PagePoint>) -> Self {
        let points: Vec<Value> = curve.map(|(x, y)| json!({"x": tenths(x), "y": tenths(y)})).collect();
        let opacity = if tool == "highlighter" { 0.4 } else { 1.0 };
        let id = format!("stroke-{}-{}", self.number, self.strokes.len() + 1);
        self.strokes
            .push(json!({"id": id, "tool": tool, "color": color, "size": size, "opacity": opacity, "points": points}));
        self
    }

    fn shape(mut self, mut shape: Value) -> Self {
        shape["id"] = format!("shape-{}-{}", self.number, self.shapes.len() + 1).into();
        self.shapes.push(shape);
        self
    }

    fn arrow(self, color: &str, from: PagePoint, to: PagePoint) -> Self {
        self.shape(json!({
            "type": "arrow", "color": color, "size": 2, "arrowEnd": true, "arrowSize": 12,
            "startX": from.0, "startY": from.1, "endX": to.0, "endY": to.1,
        }))
    }

    fn write(mut self, text: &str, at: PagePoint, color: &str, size: u32) -> Self {
        let id = format!("text-{}-{}", self.number, self.texts.len() + 1);
        self.texts.push(json!({
            "id": id, "type": "text", "text": text, "x": at.0, "y": at.1, "color": color, "fontSize": size,
        }));
        self
    }

    fn finish(self) -> Value {
        json!({
            "id": format!("page-{}", self.number),
            "name": self.name,
            "strokes": self.strokes,
            "shapes": self.shapes,
            "texts": self.texts,
            "assets": [],
            "background": {"type": self.background, "gridSize": 20, "lineColor": "#e5e7eb"},
        })
    }
}

/// A line as drawn by hand, nearly straight. Without its end, which begins the next line.
fn by_hand(from: PagePoint, to: PagePoint) -> impl Iterator<Item = PagePoint> {
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let length = dx.hypot(dy).max(1.0);
    (0..12).map(move |step| {
        let t = f64::from(step) / 12.0;
        let sway = (t * PI).sin() * (t * 9.0).sin() * 1.6;
        (from.0 + dx * t - dy / length * sway, from.1 + dy * t + dx / length * sway)
    })
}

/// `count` points of a curve from `from` to `to`.
fn sampled(from: f64, to: f64, count: u32, curve: impl Fn(f64) -> PagePoint) -> impl Iterator<Item = PagePoint> {
    (0..=count).map(move |step| curve(from + (to - from) * f64::from(step) / f64::from(count)))
}

fn tenths(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

fn pythagoras() -> Value {
    let (right, left, top) = ((420.0, 520.0), (660.0, 520.0), (420.0, 340.0));
    DemoPage::new(1, "Теорема Піфагора", "grid")
        .write("Теорема Піфагора / Pythagoras' theorem", (80.0, 50.0), INK, 34)
        .draw(INK, 4, &[right, left, top, right])
        .draw(INK, 2, &[(420.0, 500.0), (440.0, 500.0), (440.0, 520.0)])
        .draw(RED, 3, &[right, (420.0, 760.0), (660.0, 760.0), left])
        .draw(BLUE, 3, &[right, (240.0, 520.0), (240.0, 340.0), top])
        .draw(GREEN, 3, &[top, (600.0, 100.0), (840.0, 280.0), left])
        .write("a", (535.0, 545.0), RED, 28)
        .write("b", (385.0, 430.0), BLUE, 28)
        .write("c", (545.0, 400.0), GREEN, 28)
        .write("a²", (520.0, 640.0), RED, 36)
        .write("b²", (310.0, 430.0), BLUE, 36)
        .write("c²", (620.0, 290.0), GREEN, 36)
        .shape(json!({
            "type": "rectangle", "color": INK, "size": 3, "x": 930, "y": 360, "width": 320, "height": 90,
        }))
        .write("a² + b² = c²", (970.0, 385.0), INK, 40)
        .write("Квадрат гіпотенузи дорівнює сумі квадратів катетів.", (860.0, 490.0), INK, 20)
        .trace(
            "highlighter",
            "#fde047",
            18,
            sampled(0.0, 1.0, 20, |t| (960.0 + 260.0 * t, 432.0 + 3.0 * (t * 7.0).sin())),
        )
        .finish()
}

fn circle() -> Value {
    let (cx, cy, radius) = (480.0, 440.0, 240.0);
    let on = |degrees: f64| {
        let angle = degrees.to_radians();
        (cx + radius * angle.cos(), cy - radius * angle.sin())
    };
    let wobbly = move |angle: f64| {
        let radius = radius + 2.0 * (angle * 5.0).sin();
        (cx + radius * angle.cos(), cy - radius * angle.sin())
    };
    DemoPage::new(2, "Коло", "dots")
        .write("Вписаний кут / The inscribed angle", (80.0, 50.0), INK, 34)
        .trace("pen", INK, 4, sampled(0.0, TAU, 96, wobbly))
        .draw(RED, 3, &[on(200.0), on(80.0), on(340.0)])
        .draw(BLUE, 3, &[on(200.0), (cx, cy), on(340.0)])
        .arrow(GREEN, (cx, cy), on(20.0))
        .shape(json!({"type": "circle", "color": INK, "size": 3, "x": cx, "y": cy, "radius": 5}))
        .write("O", (490.0, 400.0), INK, 24)
        .write("r", (600.0, 370.0), GREEN, 24)
        .write("α", (505.0, 250.0), RED, 28)
        .write("2α", (462.0, 470.0), BLUE, 28)
        .write("Вписаний кут дорівнює половині центрального,\nщо спирається на ту саму дугу.", (820.0, 380.0), INK, 22)
        .write("An inscribed angle is half the central angle\non the same arc.", (820.0, 470.0), INK, 22)
        .finish()
}

fn exercises() -> Value {
    let frame = |page: DemoPage, x: f64, color: &str| {
        page.shape(json!({
            "type": "rectangle", "color": color, "size": 2, "x": x, "y": 140, "width": 340, "height": 560,
        }))
    };
    let page = DemoPage::new(3, "Вправи", "ruled").write("Вправи / Exercises", (80.0, 50.0), INK, 34);
    let page = frame(frame(frame(page, 80.0, RED), 460.0, BLUE), 840.0, GREEN);
    page.write("Bohdan", (100.0, 155.0), RED, 26)
        .write("Катети 3 і 4.\nЗнайди гіпотенузу.", (100.0, 205.0), INK, 22)
        .draw(RED, 3, &[(140.0, 520.0), (300.0, 520.0), (140.0, 400.0), (140.0, 520.0)])
        .write("Clara", (480.0, 155.0), BLUE, 26)
        .write("Legs 5 and 12.\nFind the hypotenuse.", (480.0, 205.0), INK, 22)
        .draw(BLUE, 3, &[(500.0, 520.0), (740.0, 520.0), (500.0, 420.0), (500.0, 520.0)])
        .write("Данило", (860.0, 155.0), GREEN, 26)
        .write("Чи прямокутний трикутник\nзі сторонами 6, 8, 10?", (860.0, 205.0), INK, 22)
        .draw(GREEN, 3, &[(880.0, 520.0), (1040.0, 520.0), (880.0, 400.0), (880.0, 520.0)])
        .finish()
}

fn parabola() -> Value {
    let at = |x: f64, y: f64| (560.0 + 90.0 * x, 620.0 - 60.0 * y);
    let ticks = (-4..=4).filter(|tick| *tick != 0);
    let mut page = DemoPage::new(1, "Парабола", "graph")
        .write("y = x²", (120.0, 80.0), BLUE, 40)
        .write("Графік квадратичної функції", (120.0, 140.0), INK, 24)
        .arrow(INK, (140.0, 620.0), (1000.0, 620.0))
        .arrow(INK, (560.0, 720.0), (560.0, 60.0))
        .write("x", (1005.0, 630.0), INK, 24)
        .write("y", (575.0, 55.0), INK, 24)
        .trace("pen", BLUE, 4, sampled(-3.0, 3.0, 60, |x| at(x, x * x)))
        .trace("pen", RED, 2, sampled(-1.0, 3.0, 20, |x| at(x, 2.0 * x - 1.0)))
        .write("y = 2x − 1 : дотична в точці (1; 1)", (840.0, 380.0), RED, 20);
    for tick in ticks {
        let (x, y) = at(f64::from(tick), 0.0);
        page = page.draw(INK, 1, &[(x, y - 6.0), (x, y + 6.0)]).write(&tick.to_string(), (x - 6.0, y + 12.0), INK, 16);
    }
    page.finish()
}

fn schedule() -> Value {
    let mut page = DemoPage::new(2, "План", "white").write("План уроку / Lesson plan", (80.0, 50.0), INK, 34);
    let steps = [
        "5 хв: повторення, y = kx",
        "15 хв: y = x², таблиця і графік",
        "15 хв: working in pairs",
        "10 хв: підсумок, homework",
    ];
    for (step, y) in steps.iter().zip([150.0, 230.0, 310.0, 390.0]) {
        page = page
            .shape(json!({"type": "rectangle", "color": GREEN, "size": 2, "x": 90, "y": y, "width": 28, "height": 28}))
            .write(step, (140.0, y), INK, 24);
    }
    // The first step is ticked; a sun in the corner.
    page = page.draw(GREEN, 4, &[(95.0, 164.0), (103.0, 174.0), (120.0, 146.0)]);
    page = page.trace("pen", "#f59e0b", 4, sampled(0.0, TAU, 48, |a| (900.0 + 60.0 * a.cos(), 250.0 + 60.0 * a.sin())));
    for ray in 0..8 {
        let angle = TAU * f64::from(ray) / 8.0;
        let at = |length: f64| (900.0 + length * angle.cos(), 250.0 + length * angle.sin());
        page = page.draw("#f59e0b", 4, &[at(80.0), at(120.0)]);
    }
    page.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn o9_the_demo_boards_hold_every_kind_of_item_on_screen_and_under_its_own_id() {
        for board in [lesson(), plan()] {
            for page in board["pages"].as_array().unwrap() {
                let mut ids = HashSet::new();
                for kind in ["strokes", "shapes", "texts"] {
                    let items = page[kind].as_array().unwrap();
                    assert!(!items.is_empty(), "{kind} of {}", page["name"]);
                    assert!(items.iter().all(|item| ids.insert(item["id"].as_str().unwrap())));
                }
                for point in page["strokes"].as_array().unwrap().iter().flat_map(|s| s["points"].as_array().unwrap()) {
                    let (x, y) = (point["x"].as_f64().unwrap(), point["y"].as_f64().unwrap());
                    assert!((0.0..1400.0).contains(&x) && (0.0..900.0).contains(&y), "({x}, {y}) on {}", page["name"]);
                }
            }
        }
    }
}
