-- Whoever deletes an image looks for the variants that show it; without this, among all the shop's, once per image.
CREATE INDEX variant_image ON variant (store_id, image_id) WHERE image_id IS NOT NULL;
