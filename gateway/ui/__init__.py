"""The gateway's web pages under /ui: spending, a playground, and what admins set.

The pages and their files are the same for everyone and need no token. Their data comes from /ui/api, for the caller who
has signed in. The session's cookie counts only there.
"""
