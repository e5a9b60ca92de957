"""The phone's side: reference client, simulated phone, APNs and FCM stand-ins, walks."""
