-- A device may have its rights from its Thing's group, and its Thing may be there already.

-- No policy is attached to the certificate of a device whose rights come from a group. A row has one of the two columns.
ALTER TABLE cvm_devices
  MODIFY COLUMN `policyName` VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin NULL,
  ADD COLUMN `policyFrom` VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NULL,
  ADD COLUMN `thingMade` VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NULL;
