"""What the source and the sink of MQTT share. Needs paho-mqtt, 1.6 or 2; nothing else imports it."""
