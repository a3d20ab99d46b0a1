mod attacks;
mod complexity;
mod messages;
