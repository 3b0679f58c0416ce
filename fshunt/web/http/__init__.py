"""HTTP: connections whose slow or silent clients cost nothing, and a WSGI application behind them."""
