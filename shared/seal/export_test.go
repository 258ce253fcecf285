package seal

// FrameLen is the frame length of Seal.
const FrameLen = frameLen

// Write is Seal with its random bytes and its frame length given.
var Write = write
