"""The page of the gateway, /ui: what is spent, a playground, and what admins set.

The pages and their files are the same for everybody and need no token. What they show comes from /ui/api, as the caller
who has signed in: a session's cookie counts there and nowhere else.
"""
