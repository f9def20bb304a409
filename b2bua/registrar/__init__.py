"""Who is where: REGISTER, the location service, keep-alives towards phones, and our own registration at trunks."""
