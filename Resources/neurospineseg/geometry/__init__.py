"""Where voxels lie in the patient, and arrays carried from one grid to another."""
