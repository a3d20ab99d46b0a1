mod attacks;
mod complexity;
