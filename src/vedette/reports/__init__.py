"""What an analysis leaves behind: lists, pictures, the annotated video and the report."""
