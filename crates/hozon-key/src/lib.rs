//! Recipes, pins and explanations; pure.
