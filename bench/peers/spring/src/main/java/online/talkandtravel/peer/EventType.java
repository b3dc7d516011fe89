package online.talkandtravel.peer;

public enum EventType {
    JOIN,
    LEAVE,
    START_TYPING,
    STOP_TYPING
}
