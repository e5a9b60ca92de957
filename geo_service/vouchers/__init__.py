"""Vouchers: issued by the CRM, promised by pushes, redeemed at the till exactly once."""
