"""The shop over HTTP: parse → one call into the core → one answer.

serving.py   sockets, processes, signals         app.py       the application: its routers, what it shares, its end
guard.py     limits of every request             callers.py   who asks: API keys, shoppers, how often
answers.py   what comes back, errors too         models.py    the core's dataclasses as schemas
health.py  catalog.py  carts.py  accounts.py  checkout.py  notices.py  operate.py   the routers; flash sales get one of their own
"""
