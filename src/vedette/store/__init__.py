"""What is kept in the database: the only room that speaks SQL."""
