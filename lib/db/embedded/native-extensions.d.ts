declare module 'fs-native-extensions' {
  /** Takes an exclusive lock on an open file that holds until the file is closed or its process ends. False: taken. */
  export function tryLock(fileDescriptor: number): boolean;
}
