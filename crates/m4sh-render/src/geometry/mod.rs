//! Plane geometry of drawings: boxes, smoothed lines, outlines of pens. Called by `scene` and `svg`.
//! Never sees JSON or SVG, and never a number that is not finite.

pub mod outline;
pub mod path;
pub mod smooth;

/// A point in board units.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Point {
    pub x: f32,
    pub y: f32,
}

/// A point of a pen, with its pressure.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Sample {
    pub at: Point,
    /// 0 to 1; 0.5 is the pen's nominal width.
    pub pressure: f32,
}

impl Point {
    #[must_use]
    pub const fn new(x: f32, y: f32) -> Self {
        Self { x, y }
    }

    #[must_use]
    pub fn middle(self, other: Self) -> Self {
        Self::new(f32::midpoint(self.x, other.x), f32::midpoint(self.y, other.y))
    }

    #[must_use]
    pub fn distance(self, other: Self) -> f32 {
        (other.x - self.x).hypot(other.y - self.y)
    }

    /// The point `along` units towards `other` and `left` units to the left; `None` when they coincide.
    #[must_use]
    pub fn towards(self, other: Self, along: f32, left: f32) -> Option<Self> {
        let length = self.distance(other);
        if length < 1e-3 {
            return None;
        }
        let (dx, dy) = ((other.x - self.x) / length, (other.y - self.y) / length);
        Some(Self::new(self.x + dx * along + dy * left, self.y + dy * along - dx * left))
    }
}

/// A box: never empty, its corners in order.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Rect {
    pub left: f32,
    pub top: f32,
    pub right: f32,
    pub bottom: f32,
}

impl Rect {
    /// The box with this corner and this size, which may be negative.
    #[must_use]
    pub fn at(x: f32, y: f32, width: f32, height: f32) -> Self {
        Self::between(Point::new(x, y), Point::new(x + width, y + height))
    }

    /// The box with these two points in opposite corners.
    #[must_use]
    pub fn between(one: Point, other: Point) -> Self {
        Self {
            left: one.x.min(other.x),
            top: one.y.min(other.y),
            right: one.x.max(other.x),
            bottom: one.y.max(other.y),
        }
    }

    /// The box around points, or `None` without any.
    #[must_use]
    pub fn around(points: impl IntoIterator<Item = Point>) -> Option<Self> {
        points.into_iter().map(|point| Self::between(point, point)).reduce(Self::union)
    }

    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self {
            left: self.left.min(other.left),
            top: self.top.min(other.top),
            right: self.right.max(other.right),
            bottom: self.bottom.max(other.bottom),
        }
    }

    /// The intersection, or `None`.
    #[must_use]
    pub fn intersection(self, other: Self) -> Option<Self> {
        let common = Self {
            left: self.left.max(other.left),
            top: self.top.max(other.top),
            right: self.right.min(other.right),
            bottom: self.bottom.min(other.bottom),
        };
        (common.left < common.right && common.top < common.bottom).then_some(common)
    }

    #[must_use]
    pub fn grown(self, by: f32) -> Self {
        Self { left: self.left - by, top: self.top - by, right: self.right + by, bottom: self.bottom + by }
    }

    #[must_use]
    pub fn width(self) -> f32 {
        self.right - self.left
    }

    #[must_use]
    pub fn height(self) -> f32 {
        self.bottom - self.top
    }

    #[must_use]
    pub fn center(self) -> Point {
        Point::new(self.left, self.top).middle(Point::new(self.right, self.bottom))
    }

    /// The bounding box after a rotation around its upper left corner, in degrees.
    #[must_use]
    pub fn turned(self, degrees: f32) -> Self {
        let (sin, cos) = degrees.to_radians().sin_cos();
        let (w, h) = (self.width(), self.height());
        let corners = [(0.0, 0.0), (w, 0.0), (0.0, h), (w, h)];
        let turned = corners.map(|(x, y)| Point::new(self.left + x * cos - y * sin, self.top + x * sin + y * cos));
        Self::around(turned).unwrap_or(self)
    }
}
