"""What the surfaces share: pages, forms, lists, exports, error pages. No noun of the business."""
