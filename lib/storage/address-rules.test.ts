import { describe, expect, it } from 'vitest';
import { addressRefusal } from './address-rules.ts';

describe('addressRefusal', () => {
  it.each([
    '127.0.0.1',
    '127.255.255.254',
    '0.0.0.0',
    '10.1.2.3',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.1.1',
    '169.254.169.254',
    '100.64.0.1',
    '100.100.100.200',
    '192.0.0.192',
    '168.63.129.16',
    '198.18.0.1',
    '224.0.0.1',
    '240.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    '::ffff:127.0.0.1',
    '::ffff:7f00:1',
    '::ffff:10.0.0.1',
    '::127.0.0.1',
    '64:ff9b::127.0.0.1',
    '64:ff9b::a9fe:a9fe',
    '64:ff9b:1::1',
    '2002:7f00:1::',
    '2001::1',
    'fe80::1',
    'fe80::1%eth0',
    'fc00::1',
    'fd00:ec2::254',
    'fec0::1',
    'ff02::1',
    '[::1]',
    'localhost',
    '',
  ])('refuses %s', (address) => {
    expect(addressRefusal(address)).toBeTypeOf('string');
  });

  it.each([
    '52.216.8.171',
    '8.8.8.8',
    '172.32.0.1',
    '100.128.0.1',
    '2600:1fa0::1',
    '::ffff:8.8.8.8',
    '64:ff9b::808:808',
  ])('allows %s', (address) => {
    expect(addressRefusal(address)).toBeUndefined();
  });
});
