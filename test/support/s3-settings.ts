/** Before any test file of the project s3 is read. */
process.env['IMAGE_TEST_STORE'] = 's3';
