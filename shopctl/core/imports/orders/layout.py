"""Shopify's layout of orders: its 79 columns, and which of their cells an order says anew when it changes."""

ORDER_COLUMNS = (
    *("Name", "Email", "Financial Status", "Paid at", "Fulfillment Status", "Fulfilled at", "Accepts Marketing"),
    *("Currency", "Subtotal", "Shipping", "Taxes", "Total", "Discount Code", "Discount Amount", "Shipping Method"),
    "Created at",
)
LINE_COLUMNS = (
    *("Lineitem quantity", "Lineitem name", "Lineitem price", "Lineitem compare at price", "Lineitem sku"),
    *("Lineitem requires shipping", "Lineitem taxable", "Lineitem fulfillment status"),
)
PARTS = ("Name", "Street", "Address1", "Address2", "Company", "City", "Zip", "Province", "Country", "Phone")
TAX_COLUMNS = tuple((f"Tax {i} Name", f"Tax {i} Value") for i in range(1, 6))
COLUMNS = (
    *ORDER_COLUMNS,
    *LINE_COLUMNS,
    *(f"{kind} {part}" for kind in ("Billing", "Shipping") for part in PARTS),
    *("Notes", "Note Attributes", "Cancelled at", "Payment Method", "Payment Reference", "Refunded Amount", "Vendor"),
    *("Outstanding Balance", "Employee", "Location", "Device ID", "Id", "Tags", "Risk Level", "Source"),
    "Lineitem discount",
    *(name for pair in TAX_COLUMNS for name in pair),
    *("Phone", "Receipt Number", "Duties", "Billing Province Name", "Shipping Province Name", "Payment ID"),
    *("Payment Terms Name", "Next Payment Due At", "Payment References"),
)
ON_EVERY_ROW = ("Name", "Email", "Created at", *LINE_COLUMNS, "Vendor", "Lineitem discount")
"""What stands on each row of an order; everything else stands on the first."""

MOVING = frozenset(
    (
        *("Financial Status", "Fulfillment Status", "Fulfilled at", "Cancelled at", "Refunded Amount"),
        *("Outstanding Balance", "Lineitem fulfillment status"),
    )
)
"""Cells that tell how far an order has come: those of the file count until the order goes on."""
