"""The revisions. What has been released is never changed."""
